namespace RevenueAspire.Api.Reads;

internal sealed partial class AppliedOffset
{
    [LoggerMessage(2040, LogLevel.Error, "Asking the ledger for its progress failed.")]
    private static partial void LogPollFailed(ILogger logger, Exception exception);
}
