using Microsoft.Extensions.Logging;

namespace RevenueAspire.EventLog.Postgres;

/// <content>Log messages, ids from 1100.</content>
public sealed partial class PostgresEventLog
{
    [LoggerMessage(1100, LogLevel.Information, "{Name}: log {LogId} open, mark {Mark}")]
    private static partial void LogOpen(ILogger logger, string name, Guid logId, long mark);

    [LoggerMessage(1101, LogLevel.Error, "{Name}: {Reason}; {Count} waiting appends were stopped, {InDoubt} of them until it is known what became of them, and nothing is accepted until it works again")]
    private static partial void LogFailed(ILogger logger, string name, string reason, int count, int inDoubt, Exception? cause);

    [LoggerMessage(1102, LogLevel.Warning, "{Name}: {Reason}; the next attempt is in {DelayMilliseconds} ms")]
    private static partial void LogAway(ILogger logger, string name, string reason, double delayMilliseconds);

    [LoggerMessage(1103, LogLevel.Warning, "{Name}: log {LogId}: {Reason}; another one is begun")]
    private static partial void LogLost(ILogger logger, string name, Guid logId, string reason);

    [LoggerMessage(1104, LogLevel.Critical, "{Name}: log {LogId} is gone or not where it was: the database was replaced or restored to an earlier state; what was acknowledged since then is not in it")]
    private static partial void LogReplaced(ILogger logger, string name, Guid logId);

    [LoggerMessage(1105, LogLevel.Warning, "{Name}: the log could not be closed at the end: {Reason}")]
    private static partial void LogNotClosed(ILogger logger, string name, string reason);

    [LoggerMessage(1106, LogLevel.Warning, "{Name}: {Reason}; {Count} appends were answered that their outcome is not known yet, and new ones are refused until the commit has ended")]
    private static partial void LogOverdue(ILogger logger, string name, string reason, int count);
}
