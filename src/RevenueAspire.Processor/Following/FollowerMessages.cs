using Microsoft.Extensions.Logging;

namespace RevenueAspire.Processor.Following;

/// <summary>Log messages of the service and its followers.</summary>
internal static partial class FollowerMessages
{
    [LoggerMessage(EventIds.Following, LogLevel.Information, "Following the logs in {Directory}.")]
    public static partial void LogFollowing(this ILogger logger, string directory);

    [LoggerMessage(EventIds.LogNotReadableYet, LogLevel.Warning, "{Directory} cannot be opened as a log yet: {Problem}")]
    public static partial void LogUnreadable(this ILogger logger, string directory, string problem);

    [LoggerMessage(EventIds.LogReplaced, LogLevel.Warning, "{Directory} now contains another log ({LogId}), which is followed from its start.")]
    public static partial void LogReplaced(this ILogger logger, string directory, Guid logId);

    [LoggerMessage(EventIds.LogCopy, LogLevel.Critical,
        "{Directory}: NOT FOLLOWED: this is a copy of the log in {Followed}, with the same id. "
        + "Find the copy to which the API writes, and move the other copy to a place outside the events directory.")]
    public static partial void LogTwin(this ILogger logger, string directory, string followed);

    [LoggerMessage(EventIds.LedgerFound, LogLevel.Information, "The ledger is in schema {Schema} of database {Database}.")]
    public static partial void LogLedger(this ILogger logger, string schema, string database);

    [LoggerMessage(EventIds.LedgerWarning, LogLevel.Warning, "The ledger's database: {Warning}.")]
    public static partial void LogLedgerWarning(this ILogger logger, string warning);

    [LoggerMessage(EventIds.LedgerWrong, LogLevel.Critical, "THE LEDGER IS WRONG: {Fault}.")]
    public static partial void LogLedgerFault(this ILogger logger, string fault);

    [LoggerMessage(EventIds.LogFollowed, LogLevel.Information, "{Directory}: followed from offset {Offset}.")]
    public static partial void LogFollows(this ILogger logger, string directory, long offset);

    [LoggerMessage(EventIds.LeaseTaken, LogLevel.Information, "{Directory}: this processor now applies the log.")]
    public static partial void LogLeased(this ILogger logger, string directory);

    [LoggerMessage(EventIds.CatchingUp, LogLevel.Information, "{Directory}: catching up from offset {From} to {Through}.")]
    public static partial void LogCatchesUp(this ILogger logger, string directory, long from, long through);

    [LoggerMessage(EventIds.SourceStopped, LogLevel.Critical, "{Directory}: STOPPED; no later events are applied: {Reason}")]
    public static partial void LogStopped(this ILogger logger, string directory, string reason);

    [LoggerMessage(EventIds.FollowerFailed, LogLevel.Critical,
        "{Directory}: STOPPED by an error in this program. No more events are applied until it restarts. Please report the error.")]
    public static partial void LogFailed(this ILogger logger, string directory, Exception exception);

    [LoggerMessage(EventIds.MarkBehindLedger, LogLevel.Critical,
        "{Directory}: durable only up to offset {Mark}, but already applied or claimed up to {Through}. Waiting; no events are applied meanwhile. "
        + "After a power cut, start the API, which recovers the log. If an older copy was restored, put the newer copy back.")]
    public static partial void LogMarkIsBehind(this ILogger logger, string directory, long mark, long through);

    [LoggerMessage(EventIds.LogNotReadableNow, LogLevel.Warning, "{Directory}: cannot be read at the moment, retrying: {Problem}")]
    public static partial void LogUnreadableNow(this ILogger logger, string directory, string problem);

    [LoggerMessage(EventIds.SpoolRefused, LogLevel.Error, "{Directory}: its backlog is not applied, retrying: {Problem}")]
    public static partial void LogSpoolRefused(this ILogger logger, string directory, string problem);

    [LoggerMessage(EventIds.PositionLost, LogLevel.Warning,
        "{Directory}: a failover or a restore removed this log's events from the database; they are applied again from the log.")]
    public static partial void LogForgotten(this ILogger logger, string directory);

    [LoggerMessage(EventIds.HistoryDropped, LogLevel.Information, "History: removed {Partitions} partitions that are older than History:Retain.")]
    public static partial void LogHistoryDropped(this ILogger logger, int partitions);

    [LoggerMessage(EventIds.HistoryNotRotated, LogLevel.Warning,
        "History: the next partition cannot be created, or an old one cannot be removed: {Problem}. Events are still applied. "
        + "The next attempt is in 10 minutes.")]
    public static partial void LogHistoryNotRotated(this ILogger logger, string problem);
}
