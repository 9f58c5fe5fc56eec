namespace RevenueAspire.EventLog.Writing;

/// <summary>Medium of a log: files, or tables in Postgres. Only the writer thread calls it, except for members marked as thread-safe.</summary>
internal interface ILogStore
{
    /// <summary>Location of the log, as text for people; contains no secrets. Thread-safe.</summary>
    string Name { get; }

    /// <summary>The log id in receipts of new appends. A running store may begin another log. Thread-safe.</summary>
    Guid LogId { get; }

    /// <summary>Everything up to this offset of <see cref="LogId"/> is durable. Thread-safe.</summary>
    long DurableMark { get; }

    /// <summary>Duration of the first durable write when the log was opened. Thread-safe.</summary>
    TimeSpan OpeningFsync { get; }

    /// <summary>The reason why the log accepts no appends before the first <see cref="Recover"/>; null if it accepts them.</summary>
    string? OpeningError { get; }

    /// <summary>Maximum time that an append in doubt waits until <see cref="Recover"/> has determined its outcome; zero for no wait.</summary>
    TimeSpan InDoubtTimeout { get; }

    /// <summary>Time from now until <see cref="Maintain"/> is due.</summary>
    TimeSpan MaintenanceDue { get; }

    /// <summary>Removes log bytes that the ledger has applied. May run concurrently with all other calls.</summary>
    ILogRetention Retention { get; }

    /// <summary>Finds a key whose first attempt is durable. Called under the writer's lock.</summary>
    bool TryGetKey(UInt128 key, out KnownKey known);

    /// <summary>Remembers the keys of a finished commit. Called under the writer's lock.</summary>
    void AddKeys(List<PendingAppend> groups);

    /// <summary>Appends all groups or none, and sets their receipts. Returns once they are durable.</summary>
    /// <exception cref="CommitException">Nothing may be acknowledged; the exception states whether bytes may survive.</exception>
    /// <exception cref="LogClosedException">Nothing was written. After <see cref="Recover"/> the groups can be appended to another log.</exception>
    CommitResult Commit(List<PendingAppend> groups, ICommitObserver observer, CancellationToken stop);

    /// <summary>Reopens the log after a failure, or opens it for the first time.</summary>
    /// <param name="observer">Ends the wait of the groups in doubt.</param>
    /// <param name="timeLeft">Remaining wait of the groups in doubt.</param>
    /// <param name="stop">Cancelled when the process stops.</param>
    /// <returns>Outcome of the groups in doubt.</returns>
    InDoubtOutcome Recover(ICommitObserver observer, TimeSpan timeLeft, CancellationToken stop);

    /// <summary>Performs due work other than commits.</summary>
    void Maintain(CancellationToken stop);

    /// <summary>Releases the log. Logs errors instead of throwing them.</summary>
    void Close(CancellationToken stop);

    /// <summary>Describes an exception of this store.</summary>
    StoreFailure Describe(Exception exception);

    /// <summary>Reads the current range of remembered idempotency keys. The range must not be outdated: a client would conclude that the log is an older copy.
    /// Thread-safe.</summary>
    /// <exception cref="IOException">The medium cannot be queried now.</exception>
    ValueTask<KeyMemory> ReadKeysAsync(CancellationToken cancellationToken);

    /// <summary>Looks a receipt up. Thread-safe.</summary>
    ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken);

    /// <summary>Checks whether the medium can hold a log. Thread-safe.</summary>
    /// <exception cref="EventLogException">The medium cannot hold a log; the message names the reason.</exception>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>Lists the logs of the medium. Thread-safe.</summary>
    ValueTask<IReadOnlyList<LogExtent>> ListAsync(CancellationToken cancellationToken);
}

/// <summary>Is notified of a slow call. Called on the writer thread.</summary>
internal interface ICommitObserver
{
    /// <summary>Ends the callers' wait: answers the groups of the call as in doubt, and refuses new groups until the call ends.</summary>
    void Overdue(WriterState state, string reason);
}

/// <summary>Result of a commit.</summary>
/// <param name="From">Offset of the first byte.</param>
/// <param name="Bytes">Bytes written.</param>
/// <param name="Known">Keys already known from another process, so that nothing was written; else null.</param>
/// <param name="MarkError">Set if the groups are durable, but invisible to readers until recovery; else null.</param>
internal readonly record struct CommitResult(long From, long Bytes, List<KnownKey>? Known = null, Exception? MarkError = null);

/// <summary>Outcome of groups whose commit was in doubt, as recovery found it.</summary>
internal enum InDoubtOutcome
{
    /// <summary>The groups are not in the log and can never get into it.</summary>
    NotAppended,

    Appended,

    /// <summary>The outcome can no longer be determined.</summary>
    Unknown,
}

/// <summary>Description of a failure.</summary>
/// <param name="Cause">Kind of failure.</param>
/// <param name="Error">Details, for callers and health.</param>
/// <param name="Bug">The exception, if it is a bug of this program whose stack trace is needed; else null.</param>
internal readonly record struct StoreFailure(string Cause, string Error, Exception? Bug)
{
    /// <summary>Cause of all bugs.</summary>
    public const string BugCause = "a bug in this program stopped the commit";
}

/// <summary>A known key, and the answer to its first attempt.</summary>
internal readonly record struct KnownKey(UInt128 Key, UInt128 Body, Receipt Receipt, int Count, int RejectedCount)
{
    /// <summary>Answer to a repeat of the key.</summary>
    public AppendResult ResultFor(AppendGroup group) => Body == group.BodyHash
        ? new AppendResult(AppendStatus.Repeated, Receipt, Count, RejectedCount)
        : new AppendResult(AppendStatus.KeyConflict, default, 0, 0);
}

internal sealed class LogClosedException() : Exception("the log was closed by another process");

/// <summary>A failed commit; none of its groups may be acknowledged.</summary>
/// <param name="cause">Error of the medium.</param>
/// <param name="needsRecovery">Whether the files must be reopened and recovered. If false, the write is undone, and the disk only has to accept writes
/// again.</param>
/// <param name="isUndone">Whether no byte of the commit can survive. If false, the next start may find the commit.</param>
internal sealed class CommitException(Exception cause, bool needsRecovery, bool isUndone) : Exception(cause.Message, cause)
{
    public bool NeedsRecovery { get; } = needsRecovery;

    public bool IsUndone { get; } = isUndone;
}
