using Microsoft.Extensions.Logging;

namespace RevenueAspire.Processor.Following;

internal sealed partial class FollowerService
{
    [LoggerMessage(3010, LogLevel.Information, "Following the logs in {Directory}.")]
    private partial void LogFollowing(string directory);

    [LoggerMessage(3011, LogLevel.Warning, "{Directory} cannot be opened as a log yet: {Problem}")]
    private partial void LogUnreadable(string directory, string problem);

    [LoggerMessage(3012, LogLevel.Warning, "{Directory} now holds another log ({LogId}); it is followed from its beginning.")]
    private partial void LogReplaced(string directory, Guid logId);

    [LoggerMessage(3013, LogLevel.Critical, "{Directory}: NOT FOLLOWED: a copy of the log in {Followed}, with the same id. Move the one that the API does not write out of the events directory.")]
    private partial void LogTwin(string directory, string followed);

    [LoggerMessage(3014, LogLevel.Information, "The ledger is in schema {Schema} of database {Database}.")]
    private partial void LogLedger(string schema, string database);

    [LoggerMessage(3015, LogLevel.Warning, "The ledger's database: {Warning}.")]
    private partial void LogLedgerWarning(string warning);

    [LoggerMessage(3016, LogLevel.Critical, "THE LEDGER IS WRONG: {Fault}.")]
    private partial void LogLedgerFault(string fault);
}
