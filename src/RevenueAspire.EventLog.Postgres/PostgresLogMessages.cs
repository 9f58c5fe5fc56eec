using Microsoft.Extensions.Logging;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>All log messages of this project, ids 1100 to 1199.</summary>
internal static partial class PostgresLogMessages
{
    [LoggerMessage(1104, LogLevel.Critical,
        "{Name}: log {LogId} is missing or ends at another offset: the database was replaced or restored to an earlier state, and events acknowledged "
        + "since then are missing")]
    public static partial void Replaced(ILogger logger, string name, Guid logId);

    [LoggerMessage(1105, LogLevel.Warning, "{Name}: the log could not be closed at shutdown: {Reason}")]
    public static partial void NotClosed(ILogger logger, string name, string reason);

    [LoggerMessage(1110, LogLevel.Information, "Compacted log {LogId} of an ended process: {Rows} rows removed.")]
    public static partial void Compacted(ILogger logger, Guid logId, int rows);

    [LoggerMessage(1111, LogLevel.Warning, "Logs in Postgres: {Reason}")]
    public static partial void NotCompacted(ILogger logger, string reason);
}
