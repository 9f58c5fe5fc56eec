using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Recovery;

namespace RevenueAspire.EventLog;

/// <summary>All log messages of this project, ids 1000 to 1099.</summary>
internal static partial class EventLogMessages
{
    [LoggerMessage(1000, LogLevel.Information,
        "{Directory}: log open ({Case}), mark {Mark}; {KeptBytes} bytes above the old mark kept, {DroppedBytes} never acknowledged bytes dropped, {Keys} keys "
        + "remembered")]
    public static partial void Recovered(ILogger logger, string directory, RecoveryCase @case, long mark, long keptBytes, long droppedBytes, int keys);

    [LoggerMessage(1001, LogLevel.Error,
        "{Directory}: recovery ({Case}, mark {Mark}) found damaged ranges [{Damaged}], missing ranges [{Gaps}], and made seals [{Seals}] again")]
    public static partial void RecoveredWithLoss(ILogger logger, string directory, RecoveryCase @case, long mark, string damaged, string gaps, string seals);

    [LoggerMessage(1002, LogLevel.Error,
        "{Name}: {Cause}; {Count} waiting appends were stopped, {InDoubt} of them are in doubt, and nothing is accepted until the log can be written again: "
        + "{Error}")]
    public static partial void Failed(ILogger logger, string name, string cause, int count, int inDoubt, string error, Exception? bug);

    [LoggerMessage(1003, LogLevel.Warning, "{Name}: the log still cannot be written, and is tried again every {RetrySeconds} s at least: {Error}")]
    public static partial void StillFailing(ILogger logger, string name, double retrySeconds, string error, Exception? bug);

    [LoggerMessage(1004, LogLevel.Information, "{Name}: log {LogId} can be written, from mark {Mark}")]
    public static partial void RunningAgain(ILogger logger, string name, Guid logId, long mark);

    [LoggerMessage(1005, LogLevel.Warning, "{Directory}: the durable mark could not be flushed at the end")]
    public static partial void MarkNotFlushed(ILogger logger, string directory, Exception cause);

    [LoggerMessage(1006, LogLevel.Information, "{Directory}: removed offsets {From} to {To}; the ledger has them")]
    public static partial void SegmentRemoved(ILogger logger, string directory, long from, long to);

    [LoggerMessage(1007, LogLevel.Warning, "{Name}: {Reason}; another log is begun")]
    public static partial void Closed(ILogger logger, string name, string reason);

    [LoggerMessage(1008, LogLevel.Warning,
        "{Name}: {Reason}; {Count} appends were answered that their outcome is not known yet, and new ones are refused until the commit has ended")]
    public static partial void Overdue(ILogger logger, string name, string reason, int count);

    [LoggerMessage(1009, LogLevel.Error, "{Directory}: {Cause}; nothing is accepted until the log can be written: {Error}")]
    public static partial void OpenedFailing(ILogger logger, string directory, string cause, string error);

    /// <summary>Logs what recovery found.</summary>
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
