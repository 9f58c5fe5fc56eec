using System.Buffers;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Recovery;

/// <summary>Applies the recovery table (rule L6) to a folder. The caller must hold the folder's lock. After a failure or a crash at any point, recovery can
/// simply run again.</summary>
internal sealed class LogRecovery(IFileSystem files, string directory, Guid logId, int keyWindow)
{
    /// <summary>A disk writes whole blocks. So recovery also rewrites the bytes below the mark that share a block with the failed bytes.</summary>
    private const int DiskBlockBytes = 4096;

    private const int CopyBytes = 256 * 1024;
    private readonly List<long> _sealsMade = [];
    private readonly List<LogRange> _gaps = [];

    /// <summary>Recovers the log.</summary>
    /// <param name="knownMark">For a running writer: its mark. It acknowledged no append above the mark, so recovery removes these bytes, and repeats of these
    /// appends are first attempts. Null at a start, because bytes above the mark on disk may be acknowledged.</param>
    /// <param name="mayUndo">False if another process may have written to the log meanwhile. Recovery then removes no whole group, and uses the larger of the
    /// two marks.</param>
    public RecoveredLog Run(long? knownMark, bool mayUndo = true)
    {
        var names = files.List(directory);
        foreach (var name in names.Where(name => name.EndsWith(LogFiles.TemporarySuffix, StringComparison.Ordinal)))
        {
            files.Delete(Path.Combine(directory, name));
        }

        var segments = LogFiles.Segments(names);
        var markFile = OpenMark();
        ILogFile? last = null;
        try
        {
            var found = knownMark is { } own && mayUndo ? own : Larger(knownMark, DurableMark.Read(markFile));
            for (var i = 0; i < segments.Count - 1; i++)
            {
                CheckSealed(segments[i], segments[i + 1], names);
            }

            last = segments.Count == 0 ? null : files.Open(PathOf(LogFiles.Segment(segments[^1])), OpenKind.Write);
            if (last is not null && mayUndo && knownMark is { } known && known >= segments[^1] && segments[^1] + last.Length > known)
            {
                last.Truncate(known - segments[^1]);
                last.Flush();
            }

            var seal = last is null ? null : SegmentSeal.Read(files, directory, segments[^1], logId, withKeys: true);
            if (seal is { Length: 0 } && (found ?? 0) <= seal.Start)
            {
                // The seal covers zero bytes, and no data is missing, so the segment is new.
                seal = null;
            }

            var scan = last is null || seal is not null ? null : SegmentScan.Run(last, segments[^1]);
            var facts = last is null
                ? new RecoveryFacts(found, HasSegment: false, 0, false, 0, 0, false)
                : new RecoveryFacts(found, HasSegment: true, segments[^1], seal is not null, scan?.ValidEnd ?? seal!.End,
                    scan?.FileEnd ?? Math.Min(seal!.End, segments[^1] + last.Length), scan is { Damaged.Count: > 0 });
            var decision = RecoveryTable.Decide(facts);
            List<LogRange> damaged = [.. scan?.Damaged ?? [], .. NonEmpty(decision.TailDamage)];
            _gaps.AddRange(NonEmpty(decision.Gap));
            var keys = RebuildKeys(segments, seal, scan);
            if (scan is not null)
            {
                KeepLast(last!, facts, decision);
                if (decision.Seal)
                {
                    WriteSeal(last!, scan, decision.KeepTo, damaged);
                }
            }

            var report = new RecoveryReport
            {
                Case = decision.Case,
                FoundMark = found,
                Mark = decision.End,
                Kept = scan is null ? default : new LogRange(decision.KeptFrom, decision.KeepTo),
                Dropped = new LogRange(decision.KeepTo, facts.FileEnd),
                Damaged = damaged,
                Gaps = _gaps,
                SealsMade = _sealsMade,
                Keys = keys.Count,
            };
            var (segment, start) = OpenCurrent(last, facts, decision);
            last = segment;
            var checksums = new BlockChecksums();
            Read(segment, 0, segment.Length, (bytes, _) => checksums.Append(bytes));

            // Everything below the new mark is on disk now. Flushing the mark itself (here and at a clean stop) only saves work at the next start.
            DurableMark.Write(markFile, decision.End);
            markFile.Flush();
            return new RecoveredLog(markFile, segment, start, checksums, keys, report);
        }
        catch
        {
            last?.Dispose();
            markFile.Dispose();
            throw;
        }
    }

    private static long? Larger(long? a, long? b) => a > b || b is null ? a : b;

    private static LogRange[] NonEmpty(LogRange range) => range.Length > 0 ? [range] : [];

    private string PathOf(string name) => Path.Combine(directory, name);

    private ILogFile OpenMark()
    {
        var path = PathOf(LogFiles.Mark);
        if (files.FileExists(path))
        {
            return files.Open(path, OpenKind.Write);
        }

        var file = files.Open(path, OpenKind.CreateNew);
        files.FlushDirectory(directory);
        return file;
    }

    /// <summary>Checks a segment that has a successor. It was complete and fsynced before the successor began, so only its seal can be missing; recovery
    /// recreates it.</summary>
    private void CheckSealed(long start, long next, IReadOnlyList<string> names)
    {
        var end = names.Contains(LogFiles.Seal(start)) && SegmentSeal.Read(files, directory, start, logId, withKeys: false) is { } seal
            ? seal.End : MakeSeal(start, next).End;
        using (var file = files.Open(PathOf(LogFiles.Segment(start)), OpenKind.Read))
        {
            // The seal records the original length; the file may be shorter now.
            end = Math.Min(end, start + file.Length);
        }

        if (end < next)
        {
            _gaps.Add(new LogRange(end, next));
        }
    }

    private SegmentSeal MakeSeal(long start, long next)
    {
        _sealsMade.Add(start);
        using var file = files.Open(PathOf(LogFiles.Segment(start)), OpenKind.Read);
        var scan = SegmentScan.Run(file, start, next);
        List<LogRange> damaged = [.. scan.Damaged, .. NonEmpty(new LogRange(scan.ValidEnd, scan.FileEnd))];
        return WriteSeal(file, scan, scan.FileEnd, damaged);
    }

    private SegmentSeal WriteSeal(ILogFile file, SegmentScan scan, long end, List<LogRange> damaged)
    {
        var checksums = new BlockChecksums();
        Read(file, 0, end - scan.Start, (bytes, _) => checksums.Append(bytes));
        var seal = new SegmentSeal
        {
            LogId = logId,
            Start = scan.Start,
            Length = checksums.Length,
            KeysFrom = scan.Start,
            BlockCrcs = checksums.ToArray(),
            Damaged = [.. damaged],
            Keys = [.. scan.Keys],
        };
        seal.Write(files, directory);
        return seal;
    }

    /// <summary>Cuts off the torn tail. Rewrites the kept bytes above the mark, from the beginning of the disk block that contains the mark.</summary>
    private static void KeepLast(ILogFile last, in RecoveryFacts facts, in RecoveryDecision decision)
    {
        // If data is missing below the mark, cut nothing. Otherwise the rest is torn or zeros.
        if (decision.Case != RecoveryCase.EndsBeforeMark && decision.KeepTo < facts.Start + last.Length)
        {
            last.Truncate(decision.KeepTo - facts.Start);
        }

        var from = decision.KeptFrom - facts.Start;
        Read(last, from - (from % DiskBlockBytes), decision.KeepTo - facts.Start, last.Write);

        // After this flush the last segment is on disk up to KeepTo, and ends there.
        last.Flush();
    }

    private (ILogFile Segment, long Start) OpenCurrent(ILogFile? last, in RecoveryFacts facts, in RecoveryDecision decision)
    {
        if (last is not null && !facts.IsSealed && !decision.Seal)
        {
            if (decision.KeepTo > facts.Start)
            {
                return (last, facts.Start);
            }

            // Nothing in this segment is durable, so no process reads it. Recreate it, because the flush of its directory entry may have failed.
            last.Dispose();
            files.Delete(PathOf(LogFiles.Segment(facts.Start)));
            if (files.FileExists(PathOf(LogFiles.Seal(facts.Start))))
            {
                files.Delete(PathOf(LogFiles.Seal(facts.Start)));
            }
        }
        else
        {
            last?.Dispose();
        }

        var segment = files.Open(PathOf(LogFiles.Segment(decision.End)), OpenKind.CreateNew);
        try
        {
            files.FlushDirectory(directory);
            return (segment, decision.End);
        }
        catch
        {
            segment.Dispose();
            throw;
        }
    }

    /// <summary>Rebuilds the key window (rule L9): takes the keys from the scan of the last segment, and from the newest seals until the window is
    /// full.</summary>
    private KeyIndex RebuildKeys(List<long> segments, SegmentSeal? lastSeal, SegmentScan? scan)
    {
        var seals = new Stack<SegmentSeal>();
        long count = scan?.Keys.Count ?? 0;
        if (lastSeal is not null)
        {
            seals.Push(lastSeal);
            count += lastSeal.Keys.Length;
        }

        for (var i = segments.Count - 2; i >= 0 && count <= keyWindow; i--)
        {
            var seal = SegmentSeal.Read(files, directory, segments[i], logId, withKeys: true);
            if (seal is null)
            {
                MakeSeal(segments[i], segments[i + 1]);
                seal = SegmentSeal.Read(files, directory, segments[i], logId, withKeys: true)
                    ?? throw new IOException($"{PathOf(LogFiles.Seal(segments[i]))} was just written but cannot be read");
            }

            seals.Push(seal);
            count += seal.Keys.Length;
        }

        var keys = new KeyIndex(keyWindow);
        if (segments.Count > 0)
        {
            keys.ForgetBefore(segments[0]);
        }

        foreach (var seal in seals)
        {
            if (seal.KeysFrom > seal.Start)
            {
                keys.ForgetBefore(seal.KeysFrom);
            }

            foreach (var record in seal.Keys)
            {
                keys.Add(record);
            }
        }

        foreach (var record in scan?.Keys ?? [])
        {
            keys.Add(record);
        }

        return keys;
    }

    private delegate void Chunk(ReadOnlySpan<byte> bytes, long position);

    /// <summary>Passes a file's bytes [from, to) to a callback, in chunks.</summary>
    private static void Read(ILogFile file, long from, long to, Chunk take)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            while (from < to)
            {
                var count = file.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, to - from)), from);
                if (count == 0)
                {
                    return;
                }

                take(buffer.AsSpan(0, count), from);
                from += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
