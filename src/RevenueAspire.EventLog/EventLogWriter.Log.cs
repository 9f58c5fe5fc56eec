using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Recovery;

namespace RevenueAspire.EventLog;

/// <content>Log messages, ids from 1000.</content>
public sealed partial class EventLogWriter
{
    [LoggerMessage(1000, LogLevel.Information, "{Directory}: log open ({Case}), mark {Mark}; {KeptBytes} bytes above the old mark kept, {DroppedBytes} never acknowledged bytes dropped, {Keys} keys remembered")]
    private static partial void LogRecovered(ILogger logger, string directory, RecoveryCase @case, long mark, long keptBytes, long droppedBytes, int keys);

    [LoggerMessage(1001, LogLevel.Error, "{Directory}: recovery ({Case}, mark {Mark}) found damaged ranges [{Damaged}], missing ranges [{Gaps}], and made seals [{Seals}] again")]
    private static partial void LogRecoveredWithLoss(ILogger logger, string directory, RecoveryCase @case, long mark, string damaged, string gaps, string seals);

    [LoggerMessage(1002, LogLevel.Error, "{Directory}: {Cause}; {Count} waiting appends were refused, and nothing is accepted until the log can be written again: {Error}")]
    private static partial void LogFailed(ILogger logger, string directory, string cause, int count, string error, Exception? mistake);

    [LoggerMessage(1003, LogLevel.Warning, "{Directory}: the log still cannot be written, and is tried again every {RetrySeconds} s at least: {Error}")]
    private static partial void LogStillFailing(ILogger logger, string directory, double retrySeconds, string error, Exception? mistake);

    [LoggerMessage(1004, LogLevel.Information, "{Directory}: the log is written again, from mark {Mark}")]
    private static partial void LogRunningAgain(ILogger logger, string directory, long mark);

    [LoggerMessage(1005, LogLevel.Warning, "{Directory}: the durable mark could not be flushed at the end")]
    private static partial void LogMarkNotFlushed(ILogger logger, string directory, Exception cause);

    [LoggerMessage(1006, LogLevel.Information, "{Directory}: removed offsets {From} to {To}; the ledger has them")]
    private static partial void LogSegmentRemoved(ILogger logger, string directory, long from, long to);
}
