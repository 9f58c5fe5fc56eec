using System.Diagnostics;
using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog;

/// <summary>The one writer of a log directory: group commit, durable mark, idempotency keys. Thread-safe.</summary>
/// <remarks>Callers enqueue under one short lock; a thread of its own does everything that touches the disk. Cancellation of an append ends the wait, never the write.</remarks>
public sealed partial class EventLogWriter : IEventLog
{
    private readonly EventLogOptions _options;
    private readonly IFileSystem _files;
    private readonly ILogger<EventLogWriter> _logger;
    private readonly WriterMetrics _metrics;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RetryDelay _retry = new();

    // Guards the queue, the keys, the appends in flight and the state; never held during a disk operation.
    private readonly object _gate = new();
    private readonly AppendQueue _queue;
    private KeyIndex _keys;
    private WriterState _state = WriterState.Running;
    private string? _error;
    private bool _isLost;
    private bool _stopping;
    private string? _refusal;

    // Of the writer's thread alone.
    private readonly List<PendingAppend> _taken = [];
    private Answers _answers = new();
    private int _lastCommitGroups;
    private SegmentedLog? _log;
    private IFileHandle _directoryLock;
    private bool _lockWasLost;
    private bool _needsRecovery;
    private string? _loggedError;

    private long _durableMark;
    private long _lastRecord = -1;

    // Guards the reader, which IsRecord opens and the end of the writer's thread closes.
    private readonly Lock _readerGate = new();
    private EventLogReader? _reader;
    private bool _readerClosed;

    // Held while segments are removed and while recovery looks at them.
    private readonly Lock _segmentsInUse = new();
    private long _firstOffset;

    private EventLogWriter(EventLogOptions options, IFileSystem files, ILogger<EventLogWriter> logger, IFileHandle directoryLock, Guid logId, RecoveredLog recovered)
    {
        _options = options;
        _files = files;
        _logger = logger;
        _directoryLock = directoryLock;
        LogId = logId;
        Directory = Path.GetFullPath(options.Directory);
        _queue = new AppendQueue(options.QueueCapacity, options.QueueBytes);
        _log = new SegmentedLog(files, Directory, directoryLock, logId, options, recovered);
        _keys = _log.Keys;
        _durableMark = _log.End;
        LastRecovery = recovered.Report;
        _firstOffset = LogFiles.Segments(files.List(Directory))[0];
        LogPin.CreateFile(files, Directory);
        _metrics = new WriterMetrics(() => QueueDepth);
        Report(recovered.Report);
        try
        {
            OpeningFsync = _log.Probe();
        }
        catch (CommitException e)
        {
            // A full disk does not keep the service from starting: it reports itself unhealthy and goes on by itself once there is room.
            Fail(e, e.NeedsRecovery, isUndone: true);
        }
    }

    /// <summary>The log's id, from log.json.</summary>
    public Guid LogId { get; }

    /// <summary>Full path of the folder.</summary>
    public string Directory { get; }

    /// <inheritdoc/>
    string IEventLog.Name => Directory;

    /// <inheritdoc/>
    string? IEventLog.StateReason => Error;

    /// <inheritdoc/>
    KeyMemory IEventLog.Keys => new(LogId, KeysFrom, DurableMark);

    /// <summary>Everything before this offset is on disk.</summary>
    public long DurableMark => Volatile.Read(ref _durableMark);

    /// <inheritdoc/>
    public Receipt? LastReceipt => Volatile.Read(ref _lastRecord) is >= 0 and var offset ? new Receipt(LogId, offset) : null;

    /// <summary>First offset that is still kept; what was before, retention has removed.</summary>
    public long FirstOffset => Volatile.Read(ref _firstOffset);

    /// <summary>Keys of records at or behind this offset are remembered (0 while none was forgotten).</summary>
    public long KeysFrom
    {
        get
        {
            lock (_gate)
            {
                return _keys.KeysFrom;
            }
        }
    }

    /// <summary>Whether appends are accepted.</summary>
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

    /// <summary>Why <see cref="State"/> is Failed, for people; else null.</summary>
    public string? Error
    {
        get
        {
            lock (_gate)
            {
                return _error;
            }
        }
    }

    /// <summary>Groups waiting now: queued, being written, or waiting for the first attempt with their key.</summary>
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

    /// <summary>Duration of the fsync measured when the log was opened; zero when the disk refused it.</summary>
    public TimeSpan OpeningFsync { get; }

    /// <summary>What the last recovery found: that of the start, or a later one after a disk error.</summary>
    public RecoveryReport LastRecovery { get; private set; }

    /// <summary>Takes the directory's lock, recovers the log (rule L6), rebuilds the keys (L9) and starts the writer.</summary>
    /// <param name="options">Validated settings.</param>
    /// <param name="time">Stamps a new log.</param>
    /// <param name="logger">Gets what recovery found and each failure and return of the disk.</param>
    /// <exception cref="EventLogException">Another writer holds the directory, segments without log.json, unreadable or unwritable directory...; the message names the path and what to do.</exception>
    public static EventLogWriter Open(EventLogOptions options, TimeProvider time, ILogger<EventLogWriter> logger) => Start(options, time, logger, PhysicalFileSystem.Instance);

    /// <summary>The same on another disk.</summary>
    internal static EventLogWriter Start(EventLogOptions options, TimeProvider time, ILogger<EventLogWriter> logger, IFileSystem files)
    {
        var writer = Open(options, time, logger, files);
        new Thread(writer.Run) { IsBackground = true, Name = "event log writer" }.Start();
        return writer;
    }

    /// <summary>Opens without the thread: the caller drives <see cref="Step"/>.</summary>
    internal static EventLogWriter Open(EventLogOptions options, TimeProvider time, ILogger<EventLogWriter> logger, IFileSystem files)
    {
        var directory = Path.GetFullPath(options.Directory);
        var directoryLock = LogDirectory.Lock(files, directory);
        try
        {
            var identity = LogDirectory.ReadOrCreateIdentity(files, directory, time);
            var recovered = new LogRecovery(files, directory, identity.Id, options.KeyWindow).Run(knownMark: null);
            return new EventLogWriter(options, files, logger, directoryLock, identity.Id, recovered);
        }
        catch (Exception e)
        {
            directoryLock.Dispose();
            if (SegmentedLog.IsDiskError(e))
            {
                throw new EventLogException($"{directory}: the log cannot be opened: {e.Message} Check that the folder can be read and written", e);
            }

            throw;
        }
    }

    /// <summary>Appends a group atomically and completes once it is on disk: data fsynced, then the mark moved, then the key known, then this.</summary>
    /// <param name="group">Used once.</param>
    /// <param name="cancellationToken">Stops the waiting, never the write: once enqueued the group is written (and its key known) all the same.</param>
    /// <returns>The outcome; disk errors are outcomes (<see cref="AppendStatus.Unavailable"/>), not exceptions.</returns>
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

    /// <summary>Closes the log to appends, known keys included, or opens it again: its owner knows that nothing appended to it would count.</summary>
    /// <param name="reason">For people, given to each caller; null opens the log.</param>
    public void Refuse(string? reason)
    {
        lock (_gate)
        {
            _refusal = reason;
        }
    }

    /// <summary>True when a record begins at this offset, below the mark, in a retained segment. Reads from disk.</summary>
    /// <exception cref="EventLogException">The log is gone, or is being closed.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public bool IsRecord(long offset)
    {
        if (offset < 0 || offset >= DurableMark)
        {
            return false;
        }

        lock (_readerGate)
        {
            if (_readerClosed)
            {
                throw new EventLogException($"{Directory}: the log is being closed");
            }

            return (_reader ??= EventLogReader.Open(Directory, _files)).IsRecord(offset);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ReceiptLookup> LookUpAsync(Receipt receipt, CancellationToken cancellationToken) =>
        ValueTask.FromResult(
            receipt.LogId != LogId ? ReceiptLookup.OtherLog
            // What retention has removed cannot be looked up, but the ledger had all of it.
            : receipt.Offset < FirstOffset || IsRecord(receipt.Offset) ? ReceiptLookup.Record
            : ReceiptLookup.NoRecord);

    /// <summary>Refuses new appends, writes and acknowledges what is queued, releases the directory.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        await _ended.Task.ConfigureAwait(false);
    }

    private PendingAppend? TryEnqueue(AppendGroup group, out AppendResult refused)
    {
        refused = default;
        if (_stopping)
        {
            refused = Unavailable("the log is being closed");
            return null;
        }

        if (_refusal is not null)
        {
            refused = new AppendResult(AppendStatus.Refused, default, 0, 0, _refusal);
            return null;
        }

        // A record that is no longer there is not promised again.
        if (group.HasKey && !_isLost && _keys.TryGet(group.KeyHash, out var known))
        {
            refused = Repeat(known, group);
            return null;
        }

        if (_state != WriterState.Running)
        {
            refused = Unavailable(_error);
            return null;
        }

        var wasEmpty = _queue.IsEmpty;
        var pending = _queue.TryAdd(group);
        if (pending is null)
        {
            refused = new AppendResult(AppendStatus.QueueFull, default, 0, 0);
        }
        else if (wasEmpty && !_queue.IsEmpty)
        {
            Monitor.Pulse(_gate);
        }

        return pending;
    }

    private static AppendResult Unavailable(string? error) => new(AppendStatus.Unavailable, default, 0, 0, error);

    private AppendResult Repeat(in KeyedRecord first, AppendGroup group) => first.Body == group.BodyHash
        ? new AppendResult(AppendStatus.Repeated, new Receipt(LogId, first.Offset), first.Count, first.RejectedCount)
        : new AppendResult(AppendStatus.KeyConflict, default, 0, 0);
}
