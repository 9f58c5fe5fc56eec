using Microsoft.Extensions.Logging;

namespace RevenueAspire.Processor.Following;

internal sealed partial class LogFollower
{
    [LoggerMessage(3020, LogLevel.Information, "{Directory}: followed from offset {Offset}.")]
    private partial void LogFollows(string directory, long offset);

    [LoggerMessage(3021, LogLevel.Information, "{Directory}: this processor applies it now.")]
    private partial void LogLeased(string directory);

    [LoggerMessage(3022, LogLevel.Information, "{Directory}: catching up from offset {From} to {Through}.")]
    private partial void LogCatchesUp(string directory, long from, long through);

    [LoggerMessage(3023, LogLevel.Critical, "{Directory}: STOPPED, nothing behind this is applied: {Reason}")]
    private partial void LogStopped(string directory, string reason);

    [LoggerMessage(3025, LogLevel.Critical, "{Directory}: STOPPED by an error in this program, nothing more is applied until it is started again. Please report it.")]
    private partial void LogFailed(string directory, Exception exception);

    [LoggerMessage(3026, LogLevel.Critical, "{Directory}: durable only up to offset {Mark}, though applied or being applied through {Through}: waiting, nothing is applied meanwhile. "
        + "After a power cut, start the API, which recovers the log; if an older copy was restored, put the newer one back.")]
    private partial void LogMarkIsBehind(string directory, long mark, long through);

    [LoggerMessage(3024, LogLevel.Warning, "{Directory}: cannot be read now, trying again: {Problem}")]
    private partial void LogUnreadable(string directory, string problem);

    [LoggerMessage(3027, LogLevel.Warning, "{Directory}: the database has lost what it had applied of this log, after a failover or a restore; it is applied again from the log.")]
    private partial void LogForgotten(string directory);
}
