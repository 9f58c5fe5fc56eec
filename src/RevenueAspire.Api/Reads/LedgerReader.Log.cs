namespace RevenueAspire.Api.Reads;

internal sealed partial class LedgerReader
{
    [LoggerMessage(2020, LogLevel.Warning, "The database is away: {Reason}. Reads answer 503 until it is back; events are accepted all the same where the log is in files.")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(2021, LogLevel.Information, "The database is back.")]
    private static partial void LogBack(ILogger logger);
}
