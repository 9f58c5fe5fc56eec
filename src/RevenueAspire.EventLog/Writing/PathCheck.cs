using System.Diagnostics;
using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Writing;

/// <summary>Checks that the open files are still those at the log's path (rule L1). Not thread-safe.</summary>
internal sealed class PathCheck(IFileSystem files, string directory, IFileHandle directoryLock, Guid logId)
{
    /// <summary>Interval between checks of log.json. The paths are checked with every commit.</summary>
    private static readonly TimeSpan IdentityCheckInterval = TimeSpan.FromSeconds(1);

    private long _identityCheckedAt = Stopwatch.GetTimestamp();

    /// <inheritdoc cref="SegmentedLog.CheckInPlace"/>
    public void Check(ILogFile segment, long segmentStart, ILogFile markFile)
    {
        var name = !segment.IsAtItsPath() ? LogFiles.Segment(segmentStart)
            : !markFile.IsAtItsPath() ? LogFiles.Mark
            : !directoryLock.IsAtItsPath() ? LogFiles.Lock
            : null;
        if (name is not null)
        {
            throw new EventLogException(
                $"{name} was deleted, moved or replaced while it was being written, alone or with its folder; "
                + $"no events are accepted until the folder of log {logId:N} is back. For a new log, restart the service");
        }

        if (Stopwatch.GetElapsedTime(_identityCheckedAt) >= IdentityCheckInterval)
        {
            LogDirectory.CheckIdentity(files, directory, logId);
            _identityCheckedAt = Stopwatch.GetTimestamp();
        }
    }
}
