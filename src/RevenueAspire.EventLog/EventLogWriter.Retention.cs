using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog;

/// <content>Removes what nobody needs any more (rule L10).</content>
public sealed partial class EventLogWriter
{
    /// <summary>Bytes before the ledger's position that are kept of a log that is still written, in either engine: the processor compares the last of them with what it has applied.</summary>
    internal const int ComparedBytes = 64 * 1024;

    /// <summary>Removes sealed segments, the oldest first: those that the ledger has and whose keys are forgotten anyway. Nothing while the log is pinned (<see cref="LogPin"/>) or failing.</summary>
    /// <param name="appliedThrough">The ledger has every event before this offset, and its database has flushed that.</param>
    /// <param name="retainBytes">Bytes before the durable mark that are kept in any case.</param>
    /// <returns>Bytes removed.</returns>
    /// <remarks>Call it from one thread at a time, beside appends and reads. A crash in between leaves a shorter log, never one with a hole: each removal is durable before the next begins.</remarks>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The disk refuses.</exception>
    public long RemoveApplied(long appliedThrough, long retainBytes) => RemoveApplied(appliedThrough, retainBytes, ComparedBytes);

    /// <summary>Keeps other than <see cref="ComparedBytes"/> before the ledger's position: logs of a few kilobytes can be tested so.</summary>
    internal long RemoveApplied(long appliedThrough, long retainBytes, long comparedBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(retainBytes);
        var limit = Math.Min(Math.Min(appliedThrough, DurableMark) - comparedBytes, DurableMark - retainBytes);
        lock (_segmentsInUse)
        {
            if (State != WriterState.Running || !_directoryLock.IsAtItsPath())
            {
                // Also not in a folder that has taken the place of ours and is not noticed yet.
                return 0;
            }

            var starts = LogFiles.Segments(_files.List(Directory));
            if (starts.Count < 2 || starts[1] > limit)
            {
                return 0;
            }

            using var exclusive = LogPin.TryExclude(_files, Directory);
            return exclusive is null ? 0 : RemoveOldest(starts, limit);
        }
    }

    private long RemoveOldest(List<long> starts, long limit)
    {
        var removed = 0L;
        for (var i = 0; i + 1 < starts.Count && starts[i + 1] <= limit && IsForgotten(starts[i], starts[i + 1]); i++)
        {
            // The index is told before the keys' records go: a start must not find keys that this process has forgotten, nor the other way round.
            lock (_gate)
            {
                _keys.ForgetBefore(starts[i + 1]);
            }

            Volatile.Write(ref _firstOffset, starts[i + 1]);
            _files.Delete(Path.Combine(Directory, LogFiles.Segment(starts[i])));
            if (_files.FileExists(Path.Combine(Directory, LogFiles.Seal(starts[i]))))
            {
                _files.Delete(Path.Combine(Directory, LogFiles.Seal(starts[i])));
            }

            // Only from here on does a power cut not bring the segment back; the next one goes after it, so that no hole can appear.
            _files.FlushDirectory(Directory);
            removed += starts[i + 1] - starts[i];
            LogSegmentRemoved(_logger, Directory, starts[i], starts[i + 1]);
        }

        return removed;
    }

    /// <summary>Whether no key of the segment is in the window. A segment without a valid seal is not looked into: it stays.</summary>
    private bool IsForgotten(long start, long end)
    {
        var seal = SegmentSeal.Read(_files, Directory, start, LogId, withKeys: false);
        return seal is not null && (!seal.HasKeys || end <= KeysFrom);
    }
}
