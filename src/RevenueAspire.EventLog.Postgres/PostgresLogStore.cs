using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.EventLog.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>A log in Postgres, one per process: one row per commit, with a synchronous commit. Public members are thread-safe.</summary>
/// <remarks>The writer's thread waits for each statement: the database takes longer than a change of threads. An append whose outcome is in doubt is neither
/// acknowledged nor refused until the next session has read it back: see <see cref="LogSession"/>.</remarks>
public sealed class PostgresLogStore : ILogStore
{
    /// <summary>How long an append in doubt waits for the next session to read it back, long before clients stop waiting.</summary>
    private static readonly TimeSpan DefaultInDoubtTimeout = TimeSpan.FromSeconds(3);

    /// <summary>A row of a key that another process wrote and took back comes to rest soon.</summary>
    private const int MaxKeyRounds = 20;

    private readonly NpgsqlDataSource _database;
    private readonly ILogger<PostgresLogStore> _logger;
    private readonly CommitWait _commitWait;

    private readonly Lock _gate = new();
    private (Guid LogId, long DurableMark) _position;

    // Of the writer's thread alone.
    private LogSession? _session;
    private Guid? _logId;
    private Guid? _memoryId;
    private readonly SessionUpkeep _upkeep;

    /// <summary>Where the commit that is in doubt would end; null when none is.</summary>
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
    /// <remarks>Another one after the log was closed by another process, or is gone with its database. Empty until the database was reached.</remarks>
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

    /// <summary>Begins a log. Does not wait for the database: until it is reached, the writer refuses appends.</summary>
    /// <param name="database">The database; the writer takes one connection for good, and others for moments.</param>
    /// <param name="options">Validated settings.</param>
    /// <param name="loggers">Gets each failure and return of the database.</param>
    public static EventLogWriter StartWriter(NpgsqlDataSource database, EventLogOptions options, ILoggerFactory loggers) =>
        StartWriter(database, options, loggers, LogSession.Alive / 3);

    /// <summary>The same, with another time between two signs of life, and another one after which an append in doubt no longer waits.</summary>
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
        // Another process may have written it: only a commit finds out.
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
                    // Another process has just written one of the keys: the next round sees it.
                    _inDoubtEnd = null;
                    continue;
                }

                _inDoubtEnd = null;
                if (!outcome.Moved)
                {
                    // Without a known key this process was taken for dead, and its log was closed or taken over. Nothing of the commit is written.
                    return outcome.Known.Count > 0 ? new CommitResult(batch.From, 0, outcome.Known) : throw new LogClosedException();
                }

                Position = (_session.LogId, batch.To);
                _upkeep.Committed(started);
                return new CommitResult(batch.From, batch.To - batch.From);
            }

            // All were answered while the commit was overdue, and it came to nothing.
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

    /// <summary>Connects, and settles what the last session left in doubt: from then on it is either in the log, or can never come into it.</summary>
    InDoubtOutcome ILogStore.Recover(ICommitObserver observer, TimeSpan timeLeft, CancellationToken stop)
    {
        LogSession? session = null;
        try
        {
            // A take-over waits for locks and for replication, up to the time-out of a command: appends in doubt do not wait that long with it.
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

    /// <summary>Notifies the processors, and shows that this process lives.</summary>
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
            // Other processes close it once this one has shown no sign of life for a while.
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

    /// <remarks>All processes share the keys: positions are numbers of keys, and move without this process.</remarks>
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

        // A log without an event is removed when its process shows no sign of life for a while. In the same database a missing log can mean
        // nothing else when nothing of it was acknowledged.
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
            // The database that may have it is no longer this one.
            PostgresLogMessages.Replaced(_logger, Name, position.LogId);
        }

        _inDoubtEnd = null;
        if (session.LogId == _logId && session.End != position.DurableMark)
        {
            // An older state of the database was restored: receipts already given name offsets that would be given again. Another log gives other receipts.
            PostgresLogMessages.Replaced(_logger, Name, session.LogId);
            session.CloseLogAsync(stop).GetAwaiter().GetResult();
            _logId = null;
            throw new EventLogException($"{Name}: the log {session.LogId:N} is no longer where it was; another one is begun");
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
