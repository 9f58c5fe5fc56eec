using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Storage;

/// <summary>A log in a folder that one process holds: segments, durable mark, idempotency keys, retention. Public members are thread-safe.</summary>
public sealed class FileLogStore : ILogStore, IDisposable
{
    /// <summary>Idle time after which the writer drops the reserve.</summary>
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>Interval of the folder check while idle, so that a deleted folder is not reported as healthy.</summary>
    private static readonly TimeSpan IdleCheckInterval = TimeSpan.FromSeconds(1);

    private readonly EventLogOptions _options;
    private readonly IFileSystem _files;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<FileLogStore> _logger;

    // Used only by the writer thread.
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
            // A full disk does not prevent the start. The health check reports it, and the writer continues when there is space again.
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

    /// <summary>Everything up to this offset is on disk.</summary>
    public long DurableMark => Volatile.Read(ref _durableMark);

    /// <summary>First offset still kept; retention has removed earlier ones.</summary>
    public long FirstOffset => Volatile.Read(ref _firstOffset);

    /// <summary>The log remembers the keys of records from this offset on; 0 while it has forgotten none.</summary>
    public long KeysFrom => _keys.From;

    /// <summary>Report of the latest recovery, at the start or after a disk error.</summary>
    public RecoveryReport LastRecovery { get; private set; } = null!;

    /// <summary>Duration of the fsync when the log was opened; zero if it failed.</summary>
    public TimeSpan OpeningFsync { get; }

    /// <summary>Removes segments that the ledger has applied.</summary>
    public SegmentRetention Retention { get; }

    ILogRetention ILogStore.Retention => Retention;

    string ILogStore.Name => Directory;

    ValueTask<KeyMemory> ILogStore.ReadKeysAsync(CancellationToken cancellationToken) => ValueTask.FromResult(new KeyMemory(LogId, KeysFrom, DurableMark));

    string? ILogStore.OpeningError => OpeningError;

    TimeSpan ILogStore.InDoubtTimeout => TimeSpan.Zero;

    TimeSpan ILogStore.MaintenanceDue => _log!.HasReserve ? IdleAfter : IdleCheckInterval;

    private string? OpeningError { get; }

    /// <summary>Held while retention removes segments, and while recovery reads them.</summary>
    internal Lock SegmentsInUse { get; } = new();

    /// <summary>Whether retention may remove segments. False while the log fails, and if another folder has replaced this one.</summary>
    internal bool MayRemove => !_failure.IsFailing && _directoryLock.IsAtItsPath();

    /// <summary>Takes the folder's lock, recovers the log (rule L6) and rebuilds the keys (L9).</summary>
    /// <param name="options">Validated settings.</param>
    /// <param name="time">Clock for the creation time of a new log.</param>
    /// <param name="loggers">Create the loggers for recoveries and disk errors.</param>
    /// <exception cref="EventLogException">Another writer holds the folder, the folder is inaccessible, or segments exist without log.json. The message names
    /// the path and the remedy.</exception>
    public static FileLogStore Open(EventLogOptions options, TimeProvider time, ILoggerFactory loggers) =>
        Open(options, time, loggers, PhysicalFileSystem.Instance);

    /// <summary>Opens a log on another file system.</summary>
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

    /// <summary>Starts the only writer of this log. Disposing the writer releases the folder.</summary>
    public EventLogWriter StartWriter() => PrepareWriter().Start();

    /// <summary>Creates the writer without its thread.</summary>
    internal EventLogWriter PrepareWriter() => new(this, _options, _loggers.CreateLogger<EventLogWriter>());

    /// <summary>True if a record begins at this offset, below the mark and in a retained segment. Reads from disk.</summary>
    /// <exception cref="EventLogException">The log is gone, or is being closed.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public bool IsRecord(long offset) => offset >= 0 && offset < DurableMark && _records.IsRecord(offset);

    /// <summary>Releases a log that has no writer.</summary>
    public void Dispose() => ((ILogStore)this).Close(CancellationToken.None);

    bool ILogStore.TryGetKey(UInt128 key, out KnownKey known)
    {
        // Do not confirm a key while the file of its record is missing.
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

    /// <summary>Reopens all files (rule L7). This process knows its mark, and has acknowledged no append above it, so it cuts off these bytes. A repeat of a
    /// failed append, keyed or not, is then appended once. If the process ends before the cut, the next start keeps these bytes and their keys, so it
    /// recognises a keyed repeat.</summary>
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

        // Stop retention first, because the lock is released below.
        _failure.Close();

        try
        {
            _log?.DropReserve();
            _log?.FlushMark();
        }
        catch (Exception e) when (e is CommitException || SegmentedLog.IsDiskError(e))
        {
            // This failure is harmless: all acknowledged bytes are on disk, and the next start only has more to read.
            EventLogMessages.MarkNotFlushed(_logger, Directory, e);
        }

        _log?.Dispose();
        _directoryLock.Dispose();
    }

    StoreFailure ILogStore.Describe(Exception exception) => _failure.Describe(exception);

    ValueTask<ReceiptLookup> ILogStore.LookUpAsync(Receipt receipt, CancellationToken cancellationToken) =>
        ValueTask.FromResult(
            receipt.LogId != LogId ? ReceiptLookup.OtherLog
            // Retention removes only bytes that the ledger has applied, so report a removed record as existing.
            : receipt.Offset < FirstOffset || IsRecord(receipt.Offset) ? ReceiptLookup.Record
            : ReceiptLookup.NoRecord);

    Task ILogStore.CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    ValueTask<IReadOnlyList<LogExtent>> ILogStore.ListAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<LogExtent>>([new LogExtent(LogId, FirstOffset, DurableMark, IsClosed: false)]);

    /// <summary>Forgets keys and offsets before their segments are removed, so that this process always remembers the same keys as the next start
    /// would.</summary>
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
            // The folder is back, but with another lock file, for example because it is a copy. Another process may have written to the log meanwhile, so bytes
            // above our mark must stay.
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
