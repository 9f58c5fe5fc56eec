using System.Buffers;
using System.Diagnostics;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Writing;

/// <summary>The files of a recovered log as the writer's thread uses them: places groups, makes them durable, moves the mark,
/// rolls segments. Not thread-safe.</summary>
internal sealed class SegmentedLog : IDisposable
{
    /// <summary>Groups below this size are gathered into one write; larger ones are written from their own buffer.</summary>
    private const int GatherBytes = 256 * 1024;
    private const int DirectBytes = 64 * 1024;
    private const int ProbeBytes = 64 * 1024;

    /// <summary>A large group is written in pieces, each on its way to the disk while the next one is copied: the fsync at the end
    /// then waits for the last one only.</summary>
    private const int PieceBytes = 1 << 20;

    private readonly IFileSystem _files;
    private readonly string _directory;
    private readonly Guid _logId;
    private readonly EventLogOptions _options;
    private readonly ILogFile _markFile;
    private readonly byte[] _gathered = ArrayPool<byte>.Shared.Rent(GatherBytes);
    private ILogFile _segment;
    private long _segmentStart;
    private BlockChecksums _checksums;
    private readonly PathCheck _paths;
    private readonly SegmentReserve _reserve;

    /// <param name="files">The disk.</param>
    /// <param name="directory">The log's folder.</param>
    /// <param name="directoryLock">Its lock; not disposed here.</param>
    /// <param name="logId">What log.json says.</param>
    /// <param name="options">Sizes at which segments roll and room is reserved.</param>
    /// <param name="recovered">Open files, which belong to this object from now on.</param>
    public SegmentedLog(IFileSystem files, string directory, IFileHandle directoryLock, Guid logId, EventLogOptions options, RecoveredLog recovered)
    {
        _files = files;
        _directory = directory;
        _paths = new PathCheck(files, directory, directoryLock, logId);
        _logId = logId;
        _options = options;
        _reserve = new SegmentReserve(options);
        _markFile = recovered.MarkFile;
        _segment = recovered.Segment;
        _segmentStart = recovered.SegmentStart;
        _checksums = recovered.Checksums;
        Keys = recovered.Keys;
        End = recovered.Report.Mark;
    }

    /// <summary>Everything before this log offset is on disk; the next group begins here.</summary>
    public long End { get; private set; }

    public KeyIndex Keys { get; }

    /// <summary>Writes groups behind one another and makes them durable with one fsync; fills in their offsets.</summary>
    /// <returns>Null, or why the mark could not be moved: the groups are on disk all the same, only readers do not see them yet.</returns>
    /// <exception cref="CommitException">Nobody may be told that anything was appended.</exception>
    public Exception? Commit(IReadOnlyList<PendingAppend> groups)
    {
        RollWhenFull();
        if (_reserve.Extend(_segment, _segmentStart, End, groups) is { } refusal && !TryUndo())
        {
            throw new CommitException(refusal, needsRecovery: true, isUndone: true);
        }

        var saved = _checksums.Save();
        long end;
        try
        {
            end = Write(groups);
        }
        catch (Exception e) when (IsDiskError(e))
        {
            _checksums.Restore(saved);
            var isUndone = TryUndo();
            throw new CommitException(e, needsRecovery: !isUndone, isUndone);
        }

        try
        {
            _segment.Flush();

            // Bytes in a file that nobody finds any more are on disk and lost all the same. A folder that goes after this look takes
            // acknowledged data with it, as it would a minute later.
            CheckInPlace();
        }
        catch (Exception e) when (IsDiskError(e) || e is EventLogException)
        {
            // Rule L7: the kernel reports a lost write once and calls the pages clean; a second fsync of these bytes would succeed and mean nothing. So they
            // are cut off before any caller is answered, and the fsync is of the length without them. If the process ends now, the next start finds none of
            // them.
            throw new CommitException(e, needsRecovery: true, isUndone: TryUndo());
        }

        // The groups are on disk now, whatever happens from here on.
        End = end;
        try
        {
            DurableMark.Write(_markFile, end);
            return null;
        }
        catch (Exception e) when (IsDiskError(e))
        {
            return e;
        }
    }

    /// <summary>Sees whether the disk takes bytes, without leaving any.</summary>
    /// <returns>How long the fsync took.</returns>
    /// <exception cref="CommitException">It does not.</exception>
    public TimeSpan Probe()
    {
        try
        {
            _gathered.AsSpan(0, ProbeBytes).Clear();
            _segment.Write(_gathered.AsSpan(0, ProbeBytes), End - _segmentStart);
        }
        catch (Exception e) when (IsDiskError(e))
        {
            throw new CommitException(e, needsRecovery: !TryUndo(), isUndone: true);
        }

        var started = Stopwatch.GetTimestamp();
        try
        {
            _segment.Flush();
        }
        catch (Exception e) when (IsDiskError(e))
        {
            throw new CommitException(e, needsRecovery: true, isUndone: true);
        }

        var duration = Stopwatch.GetElapsedTime(started);
        return TryUndo()
            ? duration
            : throw new CommitException(new IOException("what was written to try the disk could not be cut off again"), needsRecovery: true, isUndone: true);
    }

    /// <summary>Makes sure that what is written is still found at the log's path, that nobody else can hold the log, and that the
    /// path is still this log's (rule L1).</summary>
    /// <exception cref="EventLogException">It is not: the message says what happened and what to do.</exception>
    /// <exception cref="IOException">The disk refuses to tell.</exception>
    public void CheckInPlace() => _paths.Check(_segment, _segmentStart, _markFile);

    /// <summary>Whether zeros follow the data.</summary>
    public bool HasReserve => _reserve.IsBehind(End);

    /// <summary>Cuts the zeros behind the data off. Should that not survive a power cut, recovery does it.</summary>
    /// <exception cref="CommitException">The disk refuses.</exception>
    public void DropReserve()
    {
        if (!HasReserve)
        {
            return;
        }

        try
        {
            _segment.Truncate(End - _segmentStart);
            _reserve.Clear();
        }
        catch (Exception e) when (IsDiskError(e))
        {
            throw new CommitException(e, needsRecovery: true, isUndone: true);
        }
    }

    /// <summary>Makes the mark itself durable, so that the next start finds nothing above it.</summary>
    public void FlushMark() => _markFile.Flush();

    public void Dispose()
    {
        _segment.Dispose();
        _markFile.Dispose();
        ArrayPool<byte>.Shared.Return(_gathered);
    }

    internal static bool IsDiskError(Exception e) => e is IOException or UnauthorizedAccessException;

    private long Write(IReadOnlyList<PendingAppend> groups)
    {
        var end = End;
        var gathered = 0;
        for (var i = 0; i < groups.Count; i++)
        {
            var group = groups[i].Group;
            var bytes = group.Bytes;
            var from = end + gathered;
            groups[i].Receipt = new Receipt(_logId, from + group.LastRecord);
            if (gathered + group.MaxBytes > _gathered.Length || bytes.Length >= DirectBytes)
            {
                end = WriteAt(end, _gathered.AsSpan(0, gathered));
                gathered = 0;
            }

            if (bytes.Length >= DirectBytes)
            {
                end = WriteAt(end, bytes);
            }
            else
            {
                bytes.CopyTo(_gathered.AsSpan(gathered));
                gathered += bytes.Length;
            }

            if (group.HasClosing)
            {
                gathered += group.WriteClosing(_gathered.AsSpan(gathered), from);
            }
        }

        return WriteAt(end, _gathered.AsSpan(0, gathered));
    }

    private long WriteAt(long end, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var piece = bytes[..Math.Min(PieceBytes, bytes.Length)];
            _segment.Write(piece, end - _segmentStart);
            if (piece.Length == PieceBytes)
            {
                _segment.StartWriteOut(end - _segmentStart, PieceBytes);
            }

            _checksums.Append(piece);
            end += piece.Length;
            bytes = bytes[piece.Length..];
        }

        return end;
    }

    /// <summary>Cuts the segment back to the mark. False: it is not known what the disk holds.</summary>
    private bool TryUndo()
    {
        try
        {
            _segment.Truncate(End - _segmentStart);
            _segment.Flush();
            _reserve.Clear();
            return true;
        }
        catch (Exception e) when (IsDiskError(e))
        {
            return false;
        }
    }

    /// <summary>Seals a full segment and begins the next one (rules L2, L8). A failure in between is recovery's business: each step
    /// may be done again from what is on disk.</summary>
    private void RollWhenFull()
    {
        if (End - _segmentStart < _options.SegmentBytes)
        {
            return;
        }

        try
        {
            // What comes now is written by path: never into a folder that somebody else has put there.
            CheckInPlace();
            DropReserve();

            // Everything in the segment is durable: a commit ends with its fsync.
            new SegmentSeal
            {
                LogId = _logId,
                Start = _segmentStart,
                Length = End - _segmentStart,
                KeysFrom = Keys.KeysFrom,
                BlockCrcs = _checksums.ToArray(),
                Damaged = [],
                Keys = Keys.Since(_segmentStart),
            }.Write(_files, _directory);
            var next = _files.Open(Path.Combine(_directory, LogFiles.Segment(End)), OpenKind.CreateNew);
            _segment.Dispose();
            _segment = next;
            _segmentStart = End;
            _reserve.Reset();
            _checksums = new BlockChecksums();

            // Without this the new segment, with everything acknowledged in it, could be gone after a power cut.
            _files.FlushDirectory(_directory);
        }
        catch (Exception e) when (IsDiskError(e) || e is EventLogException)
        {
            // The groups come after the roll: none of them was written.
            throw new CommitException(e, needsRecovery: true, isUndone: true);
        }
    }
}
