namespace RevenueAspire.Api.Reads;

internal sealed partial class SchemaSetup
{
    [LoggerMessage(2030, LogLevel.Information, "The ledger is in schema {Schema} of database {Database}.")]
    private static partial void LogReady(ILogger logger, string schema, string database);

    [LoggerMessage(2032, LogLevel.Warning, "The ledger's database: {Warning}.")]
    private static partial void LogWarning(ILogger logger, string warning);

    [LoggerMessage(2031, LogLevel.Error, "The database cannot serve as ledger: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string reason);
}
