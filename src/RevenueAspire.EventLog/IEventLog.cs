namespace RevenueAspire.EventLog;

/// <summary>A log that takes events and acknowledges them once they are durable: in files (<see cref="EventLogWriter"/>), or elsewhere. Thread-safe.</summary>
/// <remarks>Disposing refuses new appends, writes and answers what is queued, and lets go of the log.</remarks>
public interface IEventLog : IAsyncDisposable
{
    /// <summary>The id in the receipts of what is appended now. An engine may begin another log while it runs; receipts of the ones before stay good.</summary>
    Guid LogId { get; }

    /// <summary>Where the log is kept, for people; no secrets in it.</summary>
    string Name { get; }

    /// <summary>Everything before this offset of <see cref="LogId"/> is durable.</summary>
    long DurableMark { get; }

    /// <summary>Receipt of the latest append that became durable since the log was opened; null before the first.</summary>
    Receipt? LastReceipt { get; }

    /// <summary>Which idempotency keys are remembered.</summary>
    KeyMemory Keys { get; }

    /// <summary>Whether appends are accepted.</summary>
    WriterState State { get; }

    /// <summary>Why <see cref="State"/> is Failed, for people; else null.</summary>
    string? StateReason { get; }

    /// <summary>Groups waiting now.</summary>
    int QueueDepth { get; }

    /// <summary>How long the medium took to make something durable when the log was opened; zero when it refused.</summary>
    TimeSpan OpeningFsync { get; }

    /// <summary>Appends a group atomically and completes once it is durable and its key known.</summary>
    /// <param name="group">Used once.</param>
    /// <param name="cancellationToken">Stops the waiting, never the write.</param>
    /// <returns>The outcome; errors of the medium are outcomes, not exceptions.</returns>
    ValueTask<AppendResult> AppendAsync(AppendGroup group, CancellationToken cancellationToken);

    /// <summary>Looks a receipt up.</summary>
    /// <exception cref="EventLogException">The log is gone or being closed.</exception>
    /// <exception cref="IOException">The medium cannot be read now.</exception>
    ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken);
}

/// <summary>What a receipt names.</summary>
public enum ReceiptLookup
{
    /// <summary>A log that is not known here.</summary>
    OtherLog,

    /// <summary>A place of a known log at which no record begins.</summary>
    NoRecord,

    /// <summary>A record, durable; retention may have removed it since, once the ledger had it.</summary>
    Record,
}

/// <summary>Which idempotency keys are remembered: those of keyed records from a position on, in the order in which they became known.</summary>
/// <param name="Id">Whose positions these are: they compare only under the same id.</param>
/// <param name="From">Keys at or behind this position are remembered (0 while none was forgotten).</param>
/// <param name="Through">Position behind everything that is known so far.</param>
public readonly record struct KeyMemory(Guid Id, long From, long Through);
