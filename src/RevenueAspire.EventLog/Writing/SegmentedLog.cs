using System.Buffers;
using System.Diagnostics;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Writing;

/// <summary>The files of a recovered log as the writer's thread uses them: places groups, makes them durable, moves the mark, rolls segments. Not thread-safe.</summary>
/// <remarks>Under load it writes zeros ahead of the data and flushes them with it: the next fsyncs then overwrite blocks that the file already has, and need no entry in the file system's journal,
/// which is what most of a small fsync's time goes into. The zeros go when the load does, before a segment is sealed, and at the end.</remarks>
internal sealed class SegmentedLog : IDisposable
{
    /// <summary>Groups below this size are gathered into one write; larger ones are written from their own buffer.</summary>
    private const int GatherBytes = 256 * 1024;
    private const int DirectBytes = 64 * 1024;
    private const int ProbeBytes = 64 * 1024;
    private static readonly byte[] Zeros = new byte[1 << 20];

    private readonly IFileSystem _files;
    private readonly string _directory;
    private readonly Guid _logId;
    private readonly EventLogOptions _options;
    private readonly ILogFile _markFile;
    private readonly byte[] _gathered = ArrayPool<byte>.Shared.Rent(GatherBytes);
    private ILogFile _segment;
    private long _segmentStart;
    private long _reservedTo;
    private bool _mayReserve = true;
    private BlockChecksums _checksums;

    public SegmentedLog(IFileSystem files, string directory, Guid logId, EventLogOptions options, RecoveredLog recovered)
    {
        _files = files;
        _directory = directory;
        _logId = logId;
        _options = options;
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

    /// <summary>Log offset at which the current segment begins; written by the one thread, read by any.</summary>
    public long SegmentStart => Volatile.Read(ref _segmentStart);

    /// <summary>Whether zeros stand behind the data.</summary>
    public bool HasReserve => _reservedTo > End;

    /// <summary>Writes groups behind one another and makes them durable with one fsync; fills in their offsets.</summary>
    /// <returns>Null, or why the mark could not be moved: the groups are on disk all the same, only readers do not see them yet.</returns>
    /// <exception cref="CommitException">Nothing was appended.</exception>
    public Exception? Commit(IReadOnlyList<PendingAppend> groups)
    {
        RollWhenFull();
        Reserve(groups);
        var saved = _checksums.Save();
        long end;
        try
        {
            end = Write(groups);
        }
        catch (Exception e) when (IsDiskError(e))
        {
            _checksums.Restore(saved);
            throw new CommitException(e, needsRecovery: !TryUndo());
        }

        Flush(_segment);

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
            throw new CommitException(e, needsRecovery: !TryUndo());
        }

        var started = Stopwatch.GetTimestamp();
        Flush(_segment);
        var duration = Stopwatch.GetElapsedTime(started);
        return TryUndo()
            ? duration
            : throw new CommitException(new IOException("what was written to try the disk could not be cut off again"), needsRecovery: true);
    }

    /// <summary>Cuts the zeros behind the data off. Should that not survive a power cut, recovery does it.</summary>
    /// <exception cref="CommitException">The disk refuses.</exception>
    public void DropReserve()
    {
        try
        {
            CutReserve();
        }
        catch (Exception e) when (IsDiskError(e))
        {
            throw new CommitException(e, needsRecovery: true);
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

    private void CutReserve()
    {
        if (HasReserve)
        {
            _segment.Truncate(End - _segmentStart);
            _reservedTo = 0;
        }
    }

    internal static bool IsDiskError(Exception e) => e is IOException or UnauthorizedAccessException;

    private static void Flush(ILogFile file)
    {
        try
        {
            file.Flush();
        }
        catch (Exception e) when (IsDiskError(e))
        {
            // Rule L7: the kernel reports a lost write once and calls the pages clean. A second fsync would succeed and mean nothing.
            throw new CommitException(e, needsRecovery: true);
        }
    }

    private long Write(IReadOnlyList<PendingAppend> groups)
    {
        var end = End;
        var gathered = 0;
        for (var i = 0; i < groups.Count; i++)
        {
            var group = groups[i].Group;
            var bytes = group.Bytes;
            var from = end + gathered;
            groups[i].LastRecord = from + group.LastRecord;
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
        if (!bytes.IsEmpty)
        {
            _segment.Write(bytes, end - _segmentStart);
            _checksums.Append(bytes);
        }

        return end + bytes.Length;
    }

    /// <summary>Cuts the segment back to the mark. False: it is not known what the disk holds.</summary>
    private bool TryUndo()
    {
        try
        {
            _segment.Truncate(End - _segmentStart);
            _segment.Flush();
            _reservedTo = 0;
            return true;
        }
        catch (Exception e) when (IsDiskError(e))
        {
            return false;
        }
    }

    /// <summary>Seals a full segment and begins the next one (rules L2, L8). A failure in between is recovery's business: each step may be done again from what is on disk.</summary>
    private void RollWhenFull()
    {
        if (End - _segmentStart < _options.SegmentBytes)
        {
            return;
        }

        try
        {
            CutReserve();

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
            Volatile.Write(ref _segmentStart, End);
            _mayReserve = true;
            _checksums = new BlockChecksums();

            // Without this the new segment, with everything acknowledged in it, could be gone after a power cut.
            _files.FlushDirectory(_directory);
        }
        catch (Exception e) when (IsDiskError(e))
        {
            throw new CommitException(e, needsRecovery: true);
        }
    }

    /// <summary>Writes zeros behind where the groups will end, when many come at once and there is no room left.</summary>
    private void Reserve(IReadOnlyList<PendingAppend> groups)
    {
        if (groups.Count < _options.ReserveFromGroups || !_mayReserve)
        {
            return;
        }

        var end = End;
        foreach (var pending in groups)
        {
            end += pending.Group.MaxBytes;
        }

        if (end <= _reservedTo || end - End > _options.ReserveBytes)
        {
            // Large groups are written faster than zeros could be written for them.
            return;
        }

        try
        {
            _segment.Write(Zeros.AsSpan(0, _options.ReserveBytes), end - _segmentStart);
            _reservedTo = end + _options.ReserveBytes;
        }
        catch (Exception e) when (IsDiskError(e))
        {
            // The disk may still have room for the groups themselves: it is their write that decides.
            _mayReserve = false;
            if (!TryUndo())
            {
                throw new CommitException(e, needsRecovery: true);
            }
        }
    }
}
