using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>A log in Postgres, one for this process: group commit, one row a batch, acknowledged after a synchronous commit. Thread-safe.</summary>
/// <remarks>Callers enqueue under one short lock; one loop does everything that talks to the database, on a connection of its own.
/// An append whose outcome is in doubt is neither acknowledged nor refused until it was read back: see <see cref="LogSession"/>.</remarks>
public sealed partial class PostgresEventLog : IEventLog
{
    private readonly NpgsqlDataSource _database;
    private readonly EventLogOptions _options;
    private readonly ILogger<PostgresEventLog> _logger;
    private readonly WriterMetrics _metrics;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RetryDelay _retry = new();
    private readonly SemaphoreSlim _signal = new(0);
    private readonly CancellationTokenSource _stop = new();

    // Guards the queue, the appends in flight and the state; never held while the database is asked.
    private readonly object _gate = new();
    private readonly AppendQueue _queue;
    private WriterState _state = WriterState.Failed;
    private string? _error = "the database has not been reached yet";
    private bool _stopping;
    private Task? _disposal;
    private bool _isWaiting;
    private (Guid LogId, long DurableMark) _position;
    private Receipt? _lastReceipt;
    private KeyMemory _memory;

    // Of the loop alone.
    private readonly List<PendingAppend> _taken = [];
    private Answers _answers = new();
    private LogSession? _session;
    private Guid? _logId;

    private PostgresEventLog(NpgsqlDataSource database, EventLogOptions options, ILogger<PostgresEventLog> logger, TimeSpan aliveInterval, TimeSpan doubtPatience)
    {
        _database = database;
        _aliveInterval = aliveInterval;
        _doubtPatience = doubtPatience;
        _options = options;
        _logger = logger;
        _queue = new AppendQueue(options.QueueCapacity, options.QueueBytes);
        _metrics = new WriterMetrics(() => QueueDepth);
        var place = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        Name = $"Postgres {place.Host}:{place.Port}/{place.Database}";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    /// <remarks>Another one after the log was closed by somebody else, or is gone with its database. Empty until the database was reached.</remarks>
    public Guid LogId => Position.LogId;

    /// <inheritdoc/>
    public long DurableMark => Position.DurableMark;

    /// <inheritdoc/>
    public Receipt? LastReceipt
    {
        get
        {
            lock (_gate)
            {
                return _lastReceipt;
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>Of the database, for all processes: positions are numbers of keys. As of at most a few seconds ago.</remarks>
    public KeyMemory Keys
    {
        get
        {
            lock (_gate)
            {
                return _memory;
            }
        }
    }

    /// <inheritdoc/>
    public WriterState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    /// <inheritdoc/>
    public string? StateReason
    {
        get
        {
            lock (_gate)
            {
                return _error;
            }
        }
    }

    /// <inheritdoc/>
    public int QueueDepth
    {
        get
        {
            lock (_gate)
            {
                return _queue.Depth;
            }
        }
    }

    /// <inheritdoc/>
    public TimeSpan OpeningFsync { get; private set; }

    private (Guid LogId, long DurableMark) Position
    {
        get
        {
            lock (_gate)
            {
                return _position;
            }
        }
    }

    /// <summary>Begins a log. Does not wait for the database: until it is reached, appends are refused and <see cref="State"/> is Failed.</summary>
    /// <param name="database">The database; this takes one connection for good, and others for moments.</param>
    /// <param name="options">Validated settings.</param>
    /// <param name="logger">Gets each failure and return of the database.</param>
    public static PostgresEventLog Open(NpgsqlDataSource database, EventLogOptions options, ILogger<PostgresEventLog> logger) =>
        Open(database, options, logger, LogSession.Alive / 3);

    /// <summary>The same, with another time between two signs of life, and another one after which an append in doubt no longer waits.</summary>
    internal static PostgresEventLog Open(NpgsqlDataSource database, EventLogOptions options, ILogger<PostgresEventLog> logger, TimeSpan aliveInterval, TimeSpan? doubtPatience = null)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(options);
        var log = new PostgresEventLog(database, options, logger, aliveInterval, doubtPatience ?? DoubtPatience);
        _ = Task.Run(log.RunAsync);
        return log;
    }

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(AppendGroup group, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (cancellationToken.IsCancellationRequested)
        {
            group.Release();
            return ValueTask.FromCanceled<AppendResult>(cancellationToken);
        }

        PendingAppend? pending;
        AppendResult refused;
        lock (_gate)
        {
            pending = TryEnqueue(group, out refused);
        }

        if (pending is null)
        {
            group.Release();
            return ValueTask.FromResult(refused);
        }

        return pending.WaitAsync(cancellationToken);
    }

    /// <remarks>Each call waits until the log is closed.</remarks>
    /// <summary>Refuses new appends, writes and acknowledges what is queued, and closes the log. What is still in doubt after a few seconds is answered so.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposal ??= StopAsync();
        }

        await _disposal.ConfigureAwait(false);
    }

    private async Task StopAsync()
    {
        _stopping = true;
        _stop.CancelAfter(StopPatience);
        _signal.Release();
        await _ended.Task.ConfigureAwait(false);
        _metrics.Dispose();
        _stop.Dispose();
        _signal.Dispose();
    }

    private PendingAppend? TryEnqueue(AppendGroup group, out AppendResult refused)
    {
        refused = default;
        if (_stopping)
        {
            refused = Unavailable("the log is being closed");
            return null;
        }

        if (_state != WriterState.Running)
        {
            refused = Unavailable(_error);
            return null;
        }

        var pending = _queue.TryAdd(group);
        if (pending is null)
        {
            refused = new AppendResult(AppendStatus.QueueFull, default, 0, 0);
        }
        else if (_isWaiting && !_queue.IsEmpty)
        {
            // Once a wait: what a busy loop never waits for would pile up.
            _isWaiting = false;
            _signal.Release();
        }

        return pending;
    }

    private static AppendResult Unavailable(string? error) => new(AppendStatus.Unavailable, default, 0, 0, error);

    private static AppendResult Repeat(in KnownKey first, AppendGroup group) => first.Body == group.BodyHash
        ? new AppendResult(AppendStatus.Repeated, first.Receipt, first.Count, first.RejectedCount)
        : new AppendResult(AppendStatus.KeyConflict, default, 0, 0);
}
