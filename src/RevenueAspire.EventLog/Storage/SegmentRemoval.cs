using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Storage;

/// <summary>Removes the oldest segments of a log in files (rule L10). For one pass.</summary>
internal sealed class SegmentRemoval(FileLogStore log, IFileSystem files, ILogger logger)
{
    /// <summary>Removes sealed segments that end at or before an offset and whose keys are forgotten; nothing while the log is pinned.</summary>
    /// <returns>Bytes removed.</returns>
    public long RemoveThrough(long limit)
    {
        var starts = LogFiles.Segments(files.List(log.Directory));
        if (starts.Count < 2 || starts[1] > limit)
        {
            return 0;
        }

        using var exclusive = LogPin.TryExclude(files, log.Directory);
        return exclusive is null ? 0 : RemoveOldest(starts, limit);
    }

    private long RemoveOldest(List<long> starts, long limit)
    {
        var removed = 0L;
        for (var i = 0; i + 1 < starts.Count && starts[i + 1] <= limit && IsForgotten(starts[i], starts[i + 1]); i++)
        {
            log.ForgetBefore(starts[i + 1]);
            files.Delete(Path.Combine(log.Directory, LogFiles.Segment(starts[i])));
            if (files.FileExists(Path.Combine(log.Directory, LogFiles.Seal(starts[i]))))
            {
                files.Delete(Path.Combine(log.Directory, LogFiles.Seal(starts[i])));
            }

            // Only from here on does a power cut not bring the segment back; the next one goes after it, so that no hole can appear.
            files.FlushDirectory(log.Directory);
            removed += starts[i + 1] - starts[i];
            EventLogMessages.SegmentRemoved(logger, log.Directory, starts[i], starts[i + 1]);
        }

        return removed;
    }

    /// <summary>Whether no key of the segment is in the window. A segment without a valid seal stays unread: it is kept.</summary>
    private bool IsForgotten(long start, long end)
    {
        var seal = SegmentSeal.Read(files, log.Directory, start, log.LogId, withKeys: false);
        return seal is not null && (!seal.HasKeys || end <= log.KeysFrom);
    }
}
