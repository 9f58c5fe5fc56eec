using System.Buffers;
using System.Diagnostics;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Writing;

/// <summary>The open files of a recovered log: writes groups, makes them durable, moves the mark, rolls segments. Not thread-safe; used by the writer
/// thread.</summary>
internal sealed class SegmentedLog : IDisposable
{
    /// <summary>Small groups are collected in a buffer of this size; groups of <see cref="DirectBytes"/> and more are written from their own memory.</summary>
    private const int GatherBytes = 256 * 1024;
    private const int DirectBytes = 64 * 1024;
    private const int ProbeBytes = 64 * 1024;

    /// <summary>Size of the pieces of a large group. Each piece goes to disk while the next one is copied, so the final fsync waits only for the last
    /// piece.</summary>
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

    /// <param name="files">The file system.</param>
    /// <param name="directory">The log's folder.</param>
    /// <param name="directoryLock">The folder's lock; the caller disposes of it.</param>
    /// <param name="logId">The id in log.json.</param>
    /// <param name="options">Sizes of segments and of the reserve.</param>
    /// <param name="recovered">The recovered log; this object takes ownership of its files.</param>
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

    /// <summary>Everything up to this log offset is on disk; the next group begins here.</summary>
    public long End { get; private set; }

    public KeyIndex Keys { get; }

    /// <summary>Writes groups in sequence, makes them durable with one fsync, and sets their receipts.</summary>
    /// <returns>Null, or the error that prevented moving the mark: the groups are on disk anyway, but readers cannot see them yet.</returns>
    /// <exception cref="CommitException">No group may be acknowledged.</exception>
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

            // Check this first, because bytes in a deleted file are lost even though they are on disk. A deletion after this check loses acknowledged data,
            // like any later deletion.
            CheckInPlace();
        }
        catch (Exception e) when (IsDiskError(e) || e is EventLogException)
        {
            // Rule L7: the kernel reports a lost write only once, then marks its pages as clean. A second fsync of these bytes would succeed without writing
            // them. So cut them off, and fsync the shorter file before any caller is answered. If the process ends then, the next start finds none of these
            // bytes.
            throw new CommitException(e, needsRecovery: true, isUndone: TryUndo());
        }

        // From here on the groups are on disk.
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

    /// <summary>Tests whether the disk accepts bytes. Removes these bytes afterwards.</summary>
    /// <returns>Duration of the fsync.</returns>
    /// <exception cref="CommitException">The disk refuses.</exception>
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
            : throw new CommitException(new IOException("the bytes of the disk test could not be cut off again"), needsRecovery: true, isUndone: true);
    }

    /// <summary>Checks that the open files are still at the log's path, and that the folder still belongs to this log (rule L1). This includes the lock file,
    /// so no other process can hold the log.</summary>
    /// <exception cref="EventLogException">The check fails; the message names the cause and the remedy.</exception>
    /// <exception cref="IOException">The disk refuses the check.</exception>
    public void CheckInPlace() => _paths.Check(_segment, _segmentStart, _markFile);

    /// <summary>Whether reserved zeros follow the data.</summary>
    public bool HasReserve => _reserve.IsBehind(End);

    /// <summary>Cuts off the zeros after the data. If a power cut undoes this, recovery repeats it.</summary>
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

    /// <summary>Makes the mark durable, so that the next start finds nothing above it.</summary>
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

    /// <summary>Cuts the segment back to the mark. False if the content of the disk is unknown.</summary>
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

    /// <summary>Seals a full segment and begins the next one (rules L2, L8). After a failure at any point, recovery can redo each step from the bytes on
    /// disk.</summary>
    private void RollWhenFull()
    {
        if (End - _segmentStart < _options.SegmentBytes)
        {
            return;
        }

        try
        {
            // The following writes use paths, so check first that no other folder is now at the log's path.
            CheckInPlace();
            DropReserve();

            // Everything in the segment is durable, because every commit ends with an fsync.
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

            // Without this flush, a power cut could remove the new segment with all acknowledged events in it.
            _files.FlushDirectory(_directory);
        }
        catch (Exception e) when (IsDiskError(e) || e is EventLogException)
        {
            // A roll happens before the write, so none of the groups was written.
            throw new CommitException(e, needsRecovery: true, isUndone: true);
        }
    }
}
