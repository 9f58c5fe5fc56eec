namespace RevenueAspire.EventLog.Writing;

/// <summary>The medium of a log: files, or tables in Postgres. The writer's thread calls it, except for the members that say otherwise.</summary>
internal interface ILogStore
{
    /// <summary>Where the log is kept, for people; no secrets in it. Thread-safe.</summary>
    string Name { get; }

    /// <summary>The id in the receipts of new appends. A store may begin another log while it runs. Thread-safe.</summary>
    Guid LogId { get; }

    /// <summary>Everything before this offset of <see cref="LogId"/> is durable. Thread-safe.</summary>
    long DurableMark { get; }

    /// <summary>How long the medium took to make something durable when the log was opened. Thread-safe.</summary>
    TimeSpan OpeningFsync { get; }

    /// <summary>Why the log takes no appends before the first <see cref="Recover"/>; null when it does.</summary>
    string? OpeningError { get; }

    /// <summary>How long an append in doubt waits for <see cref="Recover"/> to find out; zero: not at all.</summary>
    TimeSpan InDoubtTimeout { get; }

    /// <summary>Time until <see cref="Maintain"/> is due, counted from now.</summary>
    TimeSpan MaintenanceDue { get; }

    /// <summary>Removes what the ledger has. Beside all other calls.</summary>
    ILogRetention Retention { get; }

    /// <summary>Finds a key whose first attempt is durable. Called under the writer's lock.</summary>
    bool TryGetKey(UInt128 key, out KnownKey known);

    /// <summary>Remembers the keys of a finished commit. Called under the writer's lock.</summary>
    void AddKeys(List<PendingAppend> groups);

    /// <summary>Appends groups as a whole, or none of them, and sets their receipts. Returns once they are durable.</summary>
    /// <exception cref="CommitException">Nothing may be acknowledged; it says whether anything may be kept.</exception>
    /// <exception cref="LogClosedException">Nothing was written; after <see cref="Recover"/> the groups can be appended to another log.</exception>
    CommitResult Commit(List<PendingAppend> groups, ICommitObserver observer, CancellationToken stop);

    /// <summary>Opens the log after a failure.</summary>
    /// <param name="observer">Ends the wait of the groups in doubt.</param>
    /// <param name="timeLeft">How long they still wait.</param>
    /// <param name="stop">The process stops.</param>
    /// <returns>What became of the groups that were in doubt.</returns>
    InDoubtOutcome Recover(ICommitObserver observer, TimeSpan timeLeft, CancellationToken stop);

    /// <summary>Does what is due besides commits.</summary>
    void Maintain(CancellationToken stop);

    /// <summary>Releases the log. Errors are logged, not thrown.</summary>
    void Close(CancellationToken stop);

    /// <summary>Describes an exception of this store.</summary>
    StoreFailure Describe(Exception exception);

    /// <summary>Reads which idempotency keys are remembered now: an older answer would look like an older copy of the log. Thread-safe.</summary>
    /// <exception cref="IOException">The medium cannot be asked at present.</exception>
    ValueTask<KeyMemory> ReadKeysAsync(CancellationToken cancellationToken);

    /// <summary>Looks a receipt up. Thread-safe.</summary>
    ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken);

    /// <summary>Checks whether the medium can hold a log. Thread-safe.</summary>
    /// <exception cref="EventLogException">It cannot; the message says why.</exception>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>Lists the logs of the medium. Thread-safe.</summary>
    ValueTask<IReadOnlyList<LogExtent>> ListAsync(CancellationToken cancellationToken);
}

/// <summary>Hears of a call that takes long. Called on the writer's thread.</summary>
internal interface ICommitObserver
{
    /// <summary>Ends the wait of the callers: the groups of the call are answered as in doubt, and new ones are refused until the call has ended.</summary>
    void Overdue(WriterState state, string reason);
}

/// <summary>What a commit did.</summary>
/// <param name="From">Offset of the first byte.</param>
/// <param name="Bytes">Bytes written.</param>
/// <param name="Known">Keys that another process has made known: then nothing was written. Else null.</param>
/// <param name="MarkError">The groups are durable, but readers do not see them until the log was recovered; else null.</param>
internal readonly record struct CommitResult(long From, long Bytes, List<KnownKey>? Known = null, Exception? MarkError = null);

/// <summary>What recovery found of groups whose commit was in doubt.</summary>
internal enum InDoubtOutcome
{
    /// <summary>They are not in the log and cannot come into it.</summary>
    NotAppended,

    Appended,

    /// <summary>It cannot be found out any more.</summary>
    Unknown,
}

/// <summary>A failure in words.</summary>
/// <param name="Cause">The kind of failure.</param>
/// <param name="Error">The details, for callers and health.</param>
/// <param name="Bug">The exception, when it is a bug of this program and its stack trace is needed; else null.</param>
internal readonly record struct StoreFailure(string Cause, string Error, Exception? Bug)
{
    /// <summary>The cause of every bug.</summary>
    public const string BugCause = "an error in this program stopped the commit";
}

/// <summary>A key that is known, and the answer that its first attempt got.</summary>
internal readonly record struct KnownKey(UInt128 Key, UInt128 Body, Receipt Receipt, int Count, int RejectedCount)
{
    /// <summary>What a repeat of the key gets.</summary>
    public AppendResult ResultFor(AppendGroup group) => Body == group.BodyHash
        ? new AppendResult(AppendStatus.Repeated, Receipt, Count, RejectedCount)
        : new AppendResult(AppendStatus.KeyConflict, default, 0, 0);
}

internal sealed class LogClosedException() : Exception("the log was closed by another process");

/// <summary>A commit that nobody may be told succeeded.</summary>
/// <param name="cause">What the disk said.</param>
/// <param name="needsRecovery">Whether the files must be opened and recovered again; else the write was undone and the disk only needs to take bytes
/// again.</param>
/// <param name="isUndone">Whether nothing of the commit is left on disk, whatever happens next; else the next start may find it.</param>
internal sealed class CommitException(Exception cause, bool needsRecovery, bool isUndone) : Exception(cause.Message, cause)
{
    public bool NeedsRecovery { get; } = needsRecovery;

    public bool IsUndone { get; } = isUndone;
}
