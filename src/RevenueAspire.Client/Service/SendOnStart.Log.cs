namespace RevenueAspire.Client.Service;

internal sealed partial class SendOnStart
{
    [LoggerMessage(5020, LogLevel.Warning, "Sending at start was interrupted, and goes on by itself: {Reason}")]
    private partial void LogInterrupted(string reason);

    [LoggerMessage(5021, LogLevel.Error, "The file is NOT sent at start: {Reason}")]
    private partial void LogFailed(string reason);
}
