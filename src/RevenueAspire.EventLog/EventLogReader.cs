using System.Diagnostics;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Reading;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog;

/// <summary>Reads a log directory from any process on the machine, while it is written. Thread-safe.</summary>
/// <remarks>Never passes the durable mark (L5), verifies sealed segments (L8), never writes.</remarks>
public sealed class EventLogReader : ILogReader
{
    /// <summary>How often it is checked that the folder still holds the same log.</summary>
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

    /// <summary>First offset that is still kept (retention may have removed what was before).</summary>
    public long FirstOffset => _segments.FirstOffset;

    /// <summary>True when the directory holds a log (a log.json).</summary>
    public static bool IsLog(string directory) => File.Exists(Path.Combine(directory, LogFiles.Identity));

    /// <summary>Opens a log for reading; its writer need not run.</summary>
    /// <exception cref="EventLogException">No log.json, or it is damaged or cannot be read.</exception>
    public static EventLogReader Open(string directory) => Open(directory, PhysicalFileSystem.Instance);

    internal static EventLogReader Open(string directory, IFileSystem files)
    {
        directory = Path.GetFullPath(directory);
        return new EventLogReader(files, directory, ReadIdentity(files, directory));
    }

    /// <summary>Reads the durable mark: cheap (16 bytes), meant to be polled. While the mark file is missing or damaged: what this reader read last (that stays
    /// durable), or <see cref="FirstOffset"/> when it never read one (nothing may be read).</summary>
    /// <exception cref="EventLogException">log.json is gone or names another log (looked at once a second).</exception>
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

    /// <summary>Copies bytes from a log offset on, never past the mark as last read from disk.</summary>
    /// <param name="offset">Log offset, from <see cref="FirstOffset"/> to the mark.</param>
    /// <param name="destination">Filled as far as one segment, the mark and damage allow.</param>
    /// <exception cref="EventLogException">The offset is before <see cref="FirstOffset"/> or beyond the mark, or log.json now names another log.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public LogRead Read(long offset, Span<byte> destination)
    {
        // The mark first: whatever it covers was made durable, and damage in it was made known, before it moved there.
        var mark = ReadDurableMark();
        if (offset < FirstOffset || offset > mark)
        {
            throw new EventLogException($"{Directory}: offset {offset} lies outside the log, which holds {FirstOffset} to {mark}");
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

    /// <summary>True when a record begins at this offset, below the mark and in bytes that can be trusted.</summary>
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

    /// <summary>A folder that was deleted and made again is another log, and open files would go on showing the old one.</summary>
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
