using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Recovery;

namespace RevenueAspire.EventLog;

/// <summary>All log messages of this project, ids 1000 to 1099.</summary>
internal static partial class EventLogMessages
{
    [LoggerMessage(1000, LogLevel.Information,
        "{Directory}: log open ({Case}), mark {Mark}; {KeptBytes} bytes above the old mark kept, {DroppedBytes} unacknowledged bytes dropped, {Keys} keys "
        + "remembered")]
    public static partial void Recovered(ILogger logger, string directory, RecoveryCase @case, long mark, long keptBytes, long droppedBytes, int keys);

    [LoggerMessage(1001, LogLevel.Error,
        "{Directory}: recovery ({Case}, mark {Mark}) found damaged ranges [{Damaged}], missing ranges [{Gaps}], and recreated seals [{Seals}]")]
    public static partial void RecoveredWithLoss(ILogger logger, string directory, RecoveryCase @case, long mark, string damaged, string gaps, string seals);

    [LoggerMessage(1002, LogLevel.Error,
        "{Name}: {Cause}; {Count} waiting appends failed, {InDoubt} of them with an unknown outcome; no events are accepted until the log is writable again: "
        + "{Error}")]
    public static partial void Failed(ILogger logger, string name, string cause, int count, int inDoubt, string error, Exception? bug);

    [LoggerMessage(1003, LogLevel.Warning, "{Name}: the log is still not writable; retrying at least every {RetrySeconds} s: {Error}")]
    public static partial void StillFailing(ILogger logger, string name, double retrySeconds, string error, Exception? bug);

    [LoggerMessage(1004, LogLevel.Information, "{Name}: log {LogId} is writable, from mark {Mark}")]
    public static partial void RunningAgain(ILogger logger, string name, Guid logId, long mark);

    [LoggerMessage(1005, LogLevel.Warning, "{Directory}: the durable mark could not be flushed at shutdown")]
    public static partial void MarkNotFlushed(ILogger logger, string directory, Exception cause);

    [LoggerMessage(1006, LogLevel.Information, "{Directory}: removed offsets {From} to {To}; the ledger has applied them")]
    public static partial void SegmentRemoved(ILogger logger, string directory, long from, long to);

    [LoggerMessage(1007, LogLevel.Warning, "{Name}: {Reason}; starting another log")]
    public static partial void Closed(ILogger logger, string name, string reason);

    [LoggerMessage(1008, LogLevel.Warning,
        "{Name}: {Reason}; {Count} appends were answered with an unknown outcome; new ones are refused until the commit ends")]
    public static partial void Overdue(ILogger logger, string name, string reason, int count);

    [LoggerMessage(1009, LogLevel.Error, "{Directory}: {Cause}; no events are accepted until the log is writable: {Error}")]
    public static partial void OpenedFailing(ILogger logger, string directory, string cause, string error);

    /// <summary>Logs the result of a recovery.</summary>
    public static void Report(ILogger logger, string directory, RecoveryReport report)
    {
        if (report.HasLoss || report.SealsMade.Count > 0)
        {
            var (damaged, gaps, seals) = (string.Join(", ", report.Damaged), string.Join(", ", report.Gaps), string.Join(", ", report.SealsMade));
            RecoveredWithLoss(logger, directory, report.Case, report.Mark, damaged, gaps, seals);
        }

        Recovered(logger, directory, report.Case, report.Mark, report.Kept.Length, report.Dropped.Length, report.Keys);
    }
}
