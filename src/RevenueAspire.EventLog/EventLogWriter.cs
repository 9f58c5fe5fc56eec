using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog;

/// <summary>Appends to a log with group commit: accepts groups, and acknowledges them when the store has made them durable. Thread-safe.</summary>
/// <remarks>Callers enqueue under one short lock. A single thread makes all calls that write to the store. Cancelling an append ends the wait, never the
/// write.</remarks>
public sealed class EventLogWriter : IAsyncDisposable
{
    private readonly ILogStore _store;
    private readonly AppendIntake _intake;
    private readonly CommitLoop _loop;

    /// <summary>Creates the writer without its thread; the caller drives it with <see cref="Step"/>.</summary>
    internal EventLogWriter(ILogStore store, EventLogOptions options, ILogger<EventLogWriter> logger)
    {
        _store = store;
        _intake = new AppendIntake(store, options);
        _loop = new CommitLoop(store, _intake, options, logger);
    }

    /// <summary>The log id in receipts of new appends. A store may begin another log while it runs; receipts of earlier logs stay valid.</summary>
    public Guid LogId => _store.LogId;

    /// <summary>Location of the log, as text for people; contains no secrets.</summary>
    public string Name => _store.Name;

    /// <summary>Everything up to this offset of <see cref="LogId"/> is durable.</summary>
    public long DurableMark => _store.DurableMark;

    /// <summary>Duration of the first durable write when the store opened the log; zero if it failed.</summary>
    public TimeSpan OpeningFsync => _store.OpeningFsync;

    /// <summary>Removes log bytes that the ledger has applied.</summary>
    public ILogRetention Retention => _store.Retention;

    /// <summary>Reads the range of idempotency keys that the log remembers now. The range has an empty id until the first contact with the store.</summary>
    /// <exception cref="IOException">The store cannot be queried now.</exception>
    public ValueTask<KeyMemory> ReadKeysAsync(CancellationToken cancellationToken) => _store.ReadKeysAsync(cancellationToken);

    /// <summary>Receipt of the latest append that became durable since the log was opened, or null.</summary>
    public Receipt? LastReceipt => _intake.LastReceipt;

    /// <summary>Whether the log accepts appends. If not, the reason is text for people; otherwise it is null.</summary>
    public (WriterState State, string? Reason) Status => _intake.Status;

    /// <summary>Number of waiting groups: in the queue, being written, or waiting for the first attempt with their key.</summary>
    public int QueueDepth => _intake.Depth;

    /// <summary>Appends a group atomically. Completes when the group is durable (rule L5) and its key is known.</summary>
    /// <param name="group">Can be used only once.</param>
    /// <param name="cancellationToken">Ends the wait, never the write: an enqueued group is still written, and its key becomes known.</param>
    /// <returns>The outcome. Errors of the store are outcomes (<see cref="AppendStatus.Unavailable"/>), not exceptions.</returns>
    public ValueTask<AppendResult> AppendAsync(AppendGroup group, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (cancellationToken.IsCancellationRequested)
        {
            group.Release();
            return ValueTask.FromCanceled<AppendResult>(cancellationToken);
        }

        if (_intake.TryEnqueue(group, out var refused) is { } pending)
        {
            return pending.WaitAsync(cancellationToken);
        }

        group.Release();
        return ValueTask.FromResult(refused);
    }

    /// <summary>Refuses all appends, including repeats of known keys, or accepts them again. For an owner that has detected that new events would not
    /// count.</summary>
    /// <param name="reason">Text for people, returned to each caller; null accepts appends again.</param>
    public void Refuse(string? reason) => _intake.Refuse(reason);

    /// <summary>Looks a receipt up.</summary>
    /// <exception cref="EventLogException">The log is gone or being closed.</exception>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken) => _store.LookUpAsync(receipt, cancellationToken);

    /// <summary>Checks at start whether the medium can hold a log.</summary>
    /// <exception cref="EventLogException">The medium cannot hold a log; the message names the reason.</exception>
    public Task CheckAsync(CancellationToken cancellationToken) => _store.CheckAsync(cancellationToken);

    /// <summary>Lists all logs in the store, including this one, oldest first.</summary>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public ValueTask<IReadOnlyList<LogExtent>> ListLogsAsync(CancellationToken cancellationToken) => _store.ListAsync(cancellationToken);

    /// <summary>Refuses new appends, writes and acknowledges the queued ones, and releases the log. Every call waits until this is done.</summary>
    public ValueTask DisposeAsync() => _loop.DisposeAsync();

    internal ILogStore Store => _store;

    /// <summary>Starts the writer thread.</summary>
    internal EventLogWriter Start()
    {
        new Thread(_loop.Run) { IsBackground = true, Name = "event log writer" }.Start();
        return this;
    }

    /// <summary>Runs one turn of the writer thread, including its answers, on the calling thread. For tests.</summary>
    internal void Step() => _loop.Step();

    /// <summary>Runs the last turn of the writer thread on the calling thread. For tests.</summary>
    internal void Close() => _loop.Close();
}

/// <summary>A log and its retained range.</summary>
/// <param name="LogId">Its id.</param>
/// <param name="FirstOffset">Retention has removed everything up to this offset.</param>
/// <param name="End">Its durable mark.</param>
/// <param name="IsClosed">True if no process appends to it any more.</param>
public readonly record struct LogExtent(Guid LogId, long FirstOffset, long End, bool IsClosed);

/// <summary>The range of remembered idempotency keys. Positions number the keys in the order in which they became known.</summary>
/// <param name="Id">Positions are comparable only under the same id.</param>
/// <param name="From">Keys from this position on are remembered; 0 while none is forgotten.</param>
/// <param name="Through">Position after the latest known key.</param>
public readonly record struct KeyMemory(Guid Id, long From, long Through);
