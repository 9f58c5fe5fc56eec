using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.LocalPostgres;

internal sealed partial class LocalPostgresRunner
{
    [LoggerMessage(EventIds.ServerLine, LogLevel.Information, "{Line}")]
    private static partial void LogServerLine(ILogger logger, string line);
}
