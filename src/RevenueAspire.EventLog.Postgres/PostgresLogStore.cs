using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.EventLog.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>A log in Postgres, one per process, with one row and one synchronous commit per group commit. Public members are thread-safe.</summary>
/// <remarks>The writer thread blocks on each statement, because the database takes longer than a thread switch. An append in doubt is neither acknowledged nor
/// refused until the next session has read it back: see <see cref="LogSession"/>.</remarks>
public sealed class PostgresLogStore : ILogStore
{
    /// <summary>Maximum wait of an append in doubt for the next session, which reads it back. Far below the time-outs of clients.</summary>
    private static readonly TimeSpan DefaultInDoubtTimeout = TimeSpan.FromSeconds(3);

    /// <summary>Limits retries over a key that another process wrote and rolled back; such a key settles soon.</summary>
    private const int MaxKeyRounds = 20;

    private readonly NpgsqlDataSource _database;
    private readonly ILogger<PostgresLogStore> _logger;
    private readonly CommitWait _commitWait;

    private readonly Lock _gate = new();
    private (Guid LogId, long DurableMark) _position;

    // Used only by the writer thread.
    private LogSession? _session;
    private Guid? _logId;
    private Guid? _memoryId;
    private readonly SessionUpkeep _upkeep;

    /// <summary>End of the commit in doubt; null if none is.</summary>
    private long? _inDoubtEnd;

    private PostgresLogStore(
        NpgsqlDataSource database, EventLogOptions options, ILogger<PostgresLogStore> logger, TimeSpan aliveInterval, TimeSpan inDoubtTimeout)
    {
        (_database, _logger, InDoubtTimeout) = (database, logger, inDoubtTimeout);
        _upkeep = new SessionUpkeep(aliveInterval);
        _commitWait = new CommitWait(database, inDoubtTimeout);
        Retention = new PostgresLogRetention(database, options, logger);
        var place = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        Name = $"Postgres {place.Host}:{place.Port}/{place.Database}";
    }

    public string Name { get; }

    /// <inheritdoc/>
    /// <remarks>Changes when another process has closed the log, or the log has disappeared with its database. Empty until the database is first
    /// reached.</remarks>
    public Guid LogId => Position.LogId;

    public long DurableMark => Position.DurableMark;

    public TimeSpan OpeningFsync { get; private set; }

    public ILogRetention Retention { get; }

    public TimeSpan InDoubtTimeout { get; }

    string? ILogStore.OpeningError => "the database has not been reached yet";

    TimeSpan ILogStore.MaintenanceDue => _upkeep.Due;

    private (Guid LogId, long DurableMark) Position
    {
        get
        {
            lock (_gate)
            {
                return _position;
            }
        }

        set
        {
            lock (_gate)
            {
                _position = value;
            }
        }
    }

    /// <summary>Begins a log, without waiting for the database: until it is reached, the writer refuses appends.</summary>
    /// <param name="database">The database. The writer holds one connection permanently, and others briefly.</param>
    /// <param name="options">Validated settings.</param>
    /// <param name="loggers">Create the loggers for failures and recoveries of the database.</param>
    public static EventLogWriter StartWriter(NpgsqlDataSource database, EventLogOptions options, ILoggerFactory loggers) =>
        StartWriter(database, options, loggers, LogSession.Alive / 3);

    /// <summary>Begins a log with another interval of life signs, and another maximum wait of an append in doubt.</summary>
    internal static EventLogWriter StartWriter(
        NpgsqlDataSource database, EventLogOptions options, ILoggerFactory loggers, TimeSpan aliveInterval, TimeSpan? inDoubtTimeout = null)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(options);
        var store = new PostgresLogStore(database, options, loggers.CreateLogger<PostgresLogStore>(), aliveInterval, inDoubtTimeout ?? DefaultInDoubtTimeout);
        return new EventLogWriter(store, options, loggers.CreateLogger<EventLogWriter>()).Start();
    }

    bool ILogStore.TryGetKey(UInt128 key, out KnownKey known)
    {
        // Another process may have written the key, so only the commit can find it.
        known = default;
        return false;
    }

    void ILogStore.AddKeys(List<PendingAppend> groups)
    {
    }

    CommitResult ILogStore.Commit(List<PendingAppend> groups, ICommitObserver observer, CancellationToken stop)
    {
        try
        {
            for (var round = 0; groups.Count > 0; round++)
            {
                var started = Stopwatch.GetTimestamp();
                var batch = Batch.Render(_session!.LogId, _session.End, groups);
                _inDoubtEnd = batch.To;
                CommitOutcome outcome;
                try
                {
                    outcome = _commitWait.Run(_session, batch, observer, stop);
                }
                catch (Exception exception) when (PostgresLogErrors.IsKnownKey(exception) && round < MaxKeyRounds)
                {
                    // Another process has just written one of the keys. The next round sees it.
                    _inDoubtEnd = null;
                    continue;
                }

                _inDoubtEnd = null;
                if (!outcome.Moved)
                {
                    // No key was known, so another process has closed or taken over the log because it considered this process dead. The commit wrote nothing.
                    return outcome.Known.Count > 0 ? new CommitResult(batch.From, 0, outcome.Known) : throw new LogClosedException();
                }

                Position = (_session.LogId, batch.To);
                _upkeep.Committed(started);
                return new CommitResult(batch.From, batch.To - batch.From);
            }

            // The commit failed after its groups had already been answered as overdue.
            return new CommitResult(_session!.End, 0, []);
        }
        catch (LogClosedException closed)
        {
            Drop(closed);
            throw;
        }
        catch (Exception exception)
        {
            var isUndone = _inDoubtEnd is null || PostgresLogErrors.IsRefusal(exception);
            _inDoubtEnd = isUndone ? null : _inDoubtEnd;
            _session = exception is CommitAbandonedException ? null : _session;
            Drop(exception);
            throw new CommitException(exception, needsRecovery: true, isUndone);
        }
    }

    /// <summary>Connects, and settles the last session's commit in doubt: it is in the log, or it never will be.</summary>
    InDoubtOutcome ILogStore.Recover(ICommitObserver observer, TimeSpan timeLeft, CancellationToken stop)
    {
        LogSession? session = null;
        try
        {
            // A take-over may wait for locks and replication up to the command time-out. Appends in doubt do not wait that long.
            var opening = LogSession.OpenAsync(_database, _logId, $"{Environment.MachineName}:{Environment.ProcessId}", stop);
            if (_inDoubtEnd is not null && !CommitWait.EndsWithin(opening, timeLeft))
            {
                observer.Overdue(WriterState.Failed, "the connection to the database broke during the commit, and the outcome cannot be read yet");
            }

            (session, var end) = opening.GetAwaiter().GetResult();
            return Settle(session, end, stop);
        }
        catch (Exception exception)
        {
            _session = session;
            Drop(exception);
            throw;
        }
    }

    /// <summary>Notifies the processors, and renews this process's sign of life.</summary>
    void ILogStore.Maintain(CancellationToken stop)
    {
        try
        {
            _upkeep.RunAsync(_session!, stop).GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            Drop(exception);
            throw;
        }
    }

    void ILogStore.Close(CancellationToken stop)
    {
        try
        {
            _session?.CloseLogAsync(stop).GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            // Another process closes the log after this one has shown no sign of life for a while.
            PostgresLogMessages.NotClosed(_logger, Name, PostgresLogErrors.Describe(exception));
        }

        DropSession();
    }

    StoreFailure ILogStore.Describe(Exception exception)
    {
        var cause = exception is CommitException { InnerException: { } inner } ? inner : exception;
        var isBug = cause is not (EventLogException or LogClosedException or OperationCanceledException) && !PostgresLogErrors.IsOfDatabase(cause);
        return new StoreFailure(isBug ? StoreFailure.BugCause : "the database failed", PostgresLogErrors.Describe(cause), isBug ? cause : null);
    }

    /// <remarks>All processes share the keys. Positions are key numbers, which other processes advance too.</remarks>
    ValueTask<KeyMemory> ILogStore.ReadKeysAsync(CancellationToken cancellationToken) =>
        new(PostgresLogs.QueryAsync(_database, Name, default, PostgresLogs.ReadMemoryAsync, cancellationToken));

    ValueTask<ReceiptLookup> ILogStore.LookUpAsync(Receipt receipt, CancellationToken cancellationToken) =>
        new(PostgresLogs.LookUpAsync(_database, receipt, cancellationToken));

    async Task ILogStore.CheckAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await PostgresLogSchema.ApplyAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    ValueTask<IReadOnlyList<LogExtent>> ILogStore.ListAsync(CancellationToken cancellationToken) =>
        new(PostgresLogs.QueryAsync(_database, Name, [], PostgresLogs.ListAsync, cancellationToken));

    private InDoubtOutcome Settle(LogSession session, long? endFound, CancellationToken stop)
    {
        var memory = session.ReadMemoryAsync(stop).GetAwaiter().GetResult();
        var position = Position;

        // Other processes remove a log without events if its process shows no sign of life for a while. In the same database, and with nothing acknowledged,
        // this is the only reason for a missing log.
        var wasRemoved = endFound is null && position.DurableMark == 0 && memory.Id == _memoryId;
        var found = wasRemoved ? 0 : endFound;
        var outcome = _inDoubtEnd is null || found is not null ? InDoubtOutcome.NotAppended : InDoubtOutcome.Unknown;
        if (_inDoubtEnd is { } end && found == end)
        {
            outcome = InDoubtOutcome.Appended;
            position = Position = (position.LogId, end);
        }
        else if (outcome == InDoubtOutcome.Unknown || (_inDoubtEnd is null && _logId is not null && found != position.DurableMark))
        {
            // This is no longer the database that may contain the commit.
            PostgresLogMessages.Replaced(_logger, Name, position.LogId);
        }

        _inDoubtEnd = null;
        if (session.LogId == _logId && session.End != position.DurableMark)
        {
            // The database was restored to an older state, so this log would give out the offsets of existing receipts again. Begin another log, with other
            // receipts.
            PostgresLogMessages.Replaced(_logger, Name, session.LogId);
            session.CloseLogAsync(stop).GetAwaiter().GetResult();
            _logId = null;
            throw new EventLogException($"{Name}: the log {session.LogId:N} no longer ends at its known offset; starting another log");
        }

        _session = session;
        _logId = session.LogId;
        OpeningFsync = session.OpeningCommit;
        _memoryId = memory.Id;
        _upkeep.Begin();
        Position = (session.LogId, session.End);
        return outcome;
    }

    private void Drop(Exception cause)
    {
        DatabaseErrors.DropConnections(_database, cause);
        DropSession();
    }

    private void DropSession()
    {
        var session = _session;
        _session = null;
        session?.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
