using System.Diagnostics;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Reading;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog;

/// <summary>Reads a log directory from any process on the machine, while it is written. Thread-safe.</summary>
/// <remarks>Never reads past the durable mark (L5), verifies sealed segments (L8), never writes.</remarks>
public sealed class EventLogReader : ILogReader
{
    /// <summary>Interval of the check that the folder still contains the same log.</summary>
    private static readonly TimeSpan IdentityCheckInterval = TimeSpan.FromSeconds(1);

    private readonly IFileSystem _files;
    private readonly SegmentTable _segments;

    // Guards the mark and the time of the last identity check.
    private readonly object _gate = new();
    private ILogFile? _markFile;
    private long _checkedAt = Stopwatch.GetTimestamp();
    private long _lastMark;
    private bool _disposed;

    private EventLogReader(IFileSystem files, string directory, Guid logId)
    {
        _files = files;
        Directory = directory;
        LogId = logId;
        _segments = new SegmentTable(files, directory, logId);
    }

    /// <summary>The log's id.</summary>
    public Guid LogId { get; }

    /// <summary>Full path of the folder.</summary>
    public string Directory { get; }

    /// <summary>First offset still kept; retention may have removed earlier ones.</summary>
    public long FirstOffset => _segments.FirstOffset;

    /// <summary>True if the directory contains a log (a log.json).</summary>
    public static bool IsLog(string directory) => File.Exists(Path.Combine(directory, LogFiles.Identity));

    /// <summary>Opens a log for reading, whether or not its writer runs.</summary>
    /// <exception cref="EventLogException">log.json is missing, damaged or unreadable.</exception>
    public static EventLogReader Open(string directory) => Open(directory, PhysicalFileSystem.Instance);

    internal static EventLogReader Open(string directory, IFileSystem files)
    {
        directory = Path.GetFullPath(directory);
        return new EventLogReader(files, directory, ReadIdentity(files, directory));
    }

    /// <summary>Reads the durable mark: 16 bytes, cheap enough to poll.</summary>
    /// <returns>The mark. If the mark file is missing or damaged: the last mark that this reader read, which is still valid. If there was none: <see
    /// cref="FirstOffset"/>, so nothing may be read.</returns>
    /// <exception cref="EventLogException">log.json is gone or names another log (checked once per second).</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public long ReadDurableMark()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (Stopwatch.GetElapsedTime(_checkedAt) >= IdentityCheckInterval)
            {
                CheckIdentity();
            }

            _markFile ??= OpenMark();
            if (_markFile is not null && Format.DurableMark.Read(_markFile) is { } mark)
            {
                _lastMark = mark;
            }

            return Math.Max(_lastMark, FirstOffset);
        }
    }

    /// <summary>Copies bytes from a log offset, never past the durable mark.</summary>
    /// <param name="offset">Log offset, from <see cref="FirstOffset"/> to the mark.</param>
    /// <param name="destination">Filled up to the end of the segment, the mark, or the first damage.</param>
    /// <exception cref="EventLogException">The offset is outside the log, or log.json now names another log.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public LogRead Read(long offset, Span<byte> destination)
    {
        // Read the mark first. Before the mark moved there, everything below it was durable, and a seal recorded all damage in it.
        var mark = ReadDurableMark();
        if (offset < FirstOffset || offset > mark)
        {
            throw new EventLogException($"{Directory}: offset {offset} is outside the log, which contains offsets {FirstOffset} to {mark}");
        }

        return offset == mark ? default : _segments.Read(offset, mark, destination);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _markFile?.Dispose();
            _markFile = null;
        }

        _segments.Dispose();
    }

    /// <summary>True if a record begins at this offset, below the mark and in undamaged bytes.</summary>
    internal bool IsRecord(long offset)
    {
        if (offset < FirstOffset || offset >= ReadDurableMark())
        {
            return false;
        }

        Span<byte> first = stackalloc byte[1];
        return (_segments.IsStart(offset) || _segments.IsNewline(offset - 1)) && Read(offset, first).Count == 1;
    }

    private static Guid ReadIdentity(IFileSystem files, string directory)
    {
        try
        {
            return LogIdentity.Read(files, directory)?.Id ?? throw new EventLogException($"{directory}: no {LogFiles.Identity} here, so this is no log");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"{directory}: the log cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Detects that the folder was deleted and recreated. It then contains another log, but the open files would still show the old one.</summary>
    private void CheckIdentity()
    {
        var id = ReadIdentity(_files, Directory);
        if (id != LogId)
        {
            throw new EventLogException($"{Directory}: {LogFiles.Identity} now names another log ({id:N}) than the one that was opened ({LogId:N})");
        }

        _markFile?.Dispose();
        _markFile = null;
        _checkedAt = Stopwatch.GetTimestamp();
    }

    private ILogFile? OpenMark()
    {
        var path = Path.Combine(Directory, LogFiles.Mark);
        return _files.FileExists(path) ? _files.Open(path, OpenKind.Read) : null;
    }
}
