using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.LocalPostgres;

internal sealed partial class LocalPostgresRunner
{
    [LoggerMessage(6000, LogLevel.Information, "{Line}")]
    private static partial void LogServerLine(ILogger logger, string line);
}
