using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Storage;

/// <summary>A log in a folder, held by one process: segments, durable mark, idempotency keys, retention. Public members are thread-safe.</summary>
public sealed class FileLogStore : ILogStore, IDisposable
{
    /// <summary>Without an append for so long the reserve is dropped.</summary>
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>Without appends, the folder is checked this often: health must not call a folder well that is gone.</summary>
    private static readonly TimeSpan IdleCheckInterval = TimeSpan.FromSeconds(1);

    private readonly EventLogOptions _options;
    private readonly IFileSystem _files;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<FileLogStore> _logger;

    // Of the writer's thread alone.
    private SegmentedLog? _log;
    private IFileHandle _directoryLock;
    private bool _lockWasLost;

    private readonly DiskFailure _failure;
    private long _durableMark;
    private long _firstOffset;

    private readonly DurableKeys _keys;
    private readonly RecordLookup _records;

    private FileLogStore(EventLogOptions options, IFileSystem files, ILoggerFactory loggers, IFileHandle directoryLock, Guid logId, RecoveredLog recovered)
    {
        (_options, _files, _loggers, _directoryLock) = (options, files, loggers, directoryLock);
        _logger = loggers.CreateLogger<FileLogStore>();
        LogId = logId;
        Directory = Path.GetFullPath(options.Directory);
        (_keys, _records) = (new DurableKeys(logId), new RecordLookup(Directory, files));
        _failure = new DiskFailure(Directory);
        Retention = new SegmentRetention(this, options, files, _logger);
        Adopt(recovered);
        _firstOffset = LogFiles.Segments(files.List(Directory))[0];
        LogPin.CreateFile(files, Directory);
        try
        {
            OpeningFsync = _log!.Probe();
        }
        catch (CommitException e)
        {
            // A full disk does not keep the service from starting. Health reports it, and the writer goes on once there is room.
            _failure.Set(e);
            var (cause, error, _) = _failure.Describe(e);
            OpeningError = error;
            EventLogMessages.OpenedFailing(_logger, Directory, cause, error);
        }
    }

    /// <summary>The log's id, from log.json.</summary>
    public Guid LogId { get; }

    /// <summary>Full path of the folder.</summary>
    public string Directory { get; }

    /// <summary>Everything before this offset is on disk.</summary>
    public long DurableMark => Volatile.Read(ref _durableMark);

    /// <summary>First offset that is still kept; retention has removed the ones before.</summary>
    public long FirstOffset => Volatile.Read(ref _firstOffset);

    /// <summary>Keys of records from this offset on are remembered (0 while none was forgotten).</summary>
    public long KeysFrom => _keys.From;

    /// <summary>What the last recovery found: that of the start, or a later one after a disk error.</summary>
    public RecoveryReport LastRecovery { get; private set; } = null!;

    /// <summary>Duration of the fsync measured when the log was opened; zero when the disk refused it.</summary>
    public TimeSpan OpeningFsync { get; }

    /// <summary>Removes what the ledger has.</summary>
    public SegmentRetention Retention { get; }

    ILogRetention ILogStore.Retention => Retention;

    string ILogStore.Name => Directory;

    ValueTask<KeyMemory> ILogStore.ReadKeysAsync(CancellationToken cancellationToken) => ValueTask.FromResult(new KeyMemory(LogId, KeysFrom, DurableMark));

    string? ILogStore.OpeningError => OpeningError;

    TimeSpan ILogStore.InDoubtTimeout => TimeSpan.Zero;

    TimeSpan ILogStore.MaintenanceDue => _log!.HasReserve ? IdleAfter : IdleCheckInterval;

    private string? OpeningError { get; }

    /// <summary>Held while segments are removed and while recovery reads them.</summary>
    internal Lock SegmentsInUse { get; } = new();

    /// <summary>Whether retention may remove segments: not from a log that fails, nor from a folder that has taken its place.</summary>
    internal bool MayRemove => !_failure.IsFailing && _directoryLock.IsAtItsPath();

    /// <summary>Takes the directory's lock, recovers the log (rule L6) and rebuilds the keys (L9).</summary>
    /// <param name="options">Validated settings.</param>
    /// <param name="time">Stamps a new log.</param>
    /// <param name="loggers">Get what recovery found, and each failure and return of the disk.</param>
    /// <exception cref="EventLogException">Another writer holds the directory, segments without log.json, unreadable or unwritable directory...; the message
    /// names the path and what to do.</exception>
    public static FileLogStore Open(EventLogOptions options, TimeProvider time, ILoggerFactory loggers) =>
        Open(options, time, loggers, PhysicalFileSystem.Instance);

    /// <summary>The same on another disk.</summary>
    internal static FileLogStore Open(EventLogOptions options, TimeProvider time, ILoggerFactory loggers, IFileSystem files)
    {
        var directory = Path.GetFullPath(options.Directory);
        var directoryLock = LogDirectory.Lock(files, directory);
        try
        {
            var identity = LogDirectory.ReadOrCreateIdentity(files, directory, time);
            var recovered = new LogRecovery(files, directory, identity.Id, options.KeyWindow).Run(knownMark: null);
            return new FileLogStore(options, files, loggers, directoryLock, identity.Id, recovered);
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

    /// <summary>Starts the one writer of this log. Its end releases the folder.</summary>
    public EventLogWriter StartWriter() => PrepareWriter().Start();

    /// <summary>The writer without its thread.</summary>
    internal EventLogWriter PrepareWriter() => new(this, _options, _loggers.CreateLogger<EventLogWriter>());

    /// <summary>True when a record begins at this offset, below the mark, in a retained segment. Reads from disk.</summary>
    /// <exception cref="EventLogException">The log is gone, or is being closed.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public bool IsRecord(long offset) => offset >= 0 && offset < DurableMark && _records.IsRecord(offset);

    /// <summary>Releases a log without a writer.</summary>
    public void Dispose() => ((ILogStore)this).Close(CancellationToken.None);

    bool ILogStore.TryGetKey(UInt128 key, out KnownKey known)
    {
        // A record that is no longer there is not promised again.
        known = default;
        return !_failure.IsLost && _keys.TryGet(key, out known);
    }

    void ILogStore.AddKeys(List<PendingAppend> groups) => _keys.Add(groups);

    CommitResult ILogStore.Commit(List<PendingAppend> groups, ICommitObserver observer, CancellationToken stop)
    {
        var from = _log!.End;
        try
        {
            var markError = _log.Commit(groups);
            Volatile.Write(ref _durableMark, _log.End);
            if (markError is not null)
            {
                _failure.Set(markError);
            }

            return new CommitResult(from, _log.End - from, MarkError: markError);
        }
        catch (Exception e)
        {
            _failure.Set(e);
            throw;
        }
    }

    /// <summary>Opens everything again (rule L7). This process knows its mark and that no append above it was acknowledged, so those bytes are cut off: a
    /// repeat of what failed, keyed or not, is appended once. Should the process end before that, the start keeps what the disk then holds together with its
    /// keys, so that a keyed repeat finds it.</summary>
    InDoubtOutcome ILogStore.Recover(ICommitObserver observer, TimeSpan timeLeft, CancellationToken stop)
    {
        try
        {
            if (_failure.NeedsRecovery)
            {
                Reopen();
            }

            _log!.CheckInPlace();
            _log.Probe();
        }
        catch (Exception e)
        {
            _failure.Set(e);
            throw;
        }

        _failure.Clear();
        return InDoubtOutcome.NotAppended;
    }

    void ILogStore.Maintain(CancellationToken stop)
    {
        try
        {
            _log!.DropReserve();
            _log.CheckInPlace();
        }
        catch (Exception e)
        {
            _failure.Set(e);
            throw;
        }
    }

    void ILogStore.Close(CancellationToken stop)
    {
        if (!_records.Close())
        {
            return;
        }

        // Retention removes nothing any more: the lock is released.
        _failure.Close();

        try
        {
            _log?.DropReserve();
            _log?.FlushMark();
        }
        catch (Exception e) when (e is CommitException || SegmentedLog.IsDiskError(e))
        {
            // Everything acknowledged is on disk; the next start only has more to read.
            EventLogMessages.MarkNotFlushed(_logger, Directory, e);
        }

        _log?.Dispose();
        _directoryLock.Dispose();
    }

    StoreFailure ILogStore.Describe(Exception exception) => _failure.Describe(exception);

    ValueTask<ReceiptLookup> ILogStore.LookUpAsync(Receipt receipt, CancellationToken cancellationToken) =>
        ValueTask.FromResult(
            receipt.LogId != LogId ? ReceiptLookup.OtherLog
            // What retention has removed cannot be looked up, but the ledger had all of it.
            : receipt.Offset < FirstOffset || IsRecord(receipt.Offset) ? ReceiptLookup.Record
            : ReceiptLookup.NoRecord);

    Task ILogStore.CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    ValueTask<IReadOnlyList<LogExtent>> ILogStore.ListAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<LogExtent>>([new LogExtent(LogId, FirstOffset, DurableMark, IsClosed: false)]);

    /// <summary>Forgets keys and offsets before their segments are removed: a start must not find keys that this process has
    /// forgotten, nor the other way round.</summary>
    internal void ForgetBefore(long offset)
    {
        _keys.ForgetBefore(offset);
        Volatile.Write(ref _firstOffset, offset);
    }

    private void Reopen()
    {
        _log?.Dispose();
        _log = null;
        LogDirectory.CheckIdentity(_files, Directory, LogId);
        if (!_directoryLock.IsAtItsPath())
        {
            // The log was away and is back with another lock file (a copy, for example). Another process may have written it meanwhile, so
            // the bytes above our mark are not ours to cut off.
            var directoryLock = LogDirectory.LockExisting(_files, Directory);
            _directoryLock.Dispose();
            _directoryLock = directoryLock;
            _lockWasLost = true;
        }

        RecoveredLog recovered;
        lock (SegmentsInUse)
        {
            recovered = new LogRecovery(_files, Directory, LogId, _options.KeyWindow).Run(DurableMark, mayUndo: !_lockWasLost);
        }

        Adopt(recovered);
        (_failure.NeedsRecovery, _lockWasLost) = (false, false);
    }

    private void Adopt(RecoveredLog recovered)
    {
        _log = new SegmentedLog(_files, Directory, _directoryLock, LogId, _options, recovered);
        LastRecovery = recovered.Report;
        _keys.Replace(_log.Keys);
        Volatile.Write(ref _durableMark, _log.End);
        EventLogMessages.Report(_logger, Directory, recovered.Report);
    }
}
