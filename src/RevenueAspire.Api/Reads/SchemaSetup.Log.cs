namespace RevenueAspire.Api.Reads;

internal sealed partial class SchemaSetup
{
    [LoggerMessage(2030, LogLevel.Information, "The ledger's tables are in place.")]
    private static partial void LogReady(ILogger logger);

    [LoggerMessage(2031, LogLevel.Error, "The database cannot serve as ledger: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string reason);
}
