using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary>Logs the notifications of a run at a limited rate. Rejected lines are not logged individually; their number is logged at the end.
/// Thread-safe.</summary>
internal sealed partial class LogObserver(ILogger logger, TimeProvider time) : ISendObserver
{
    private static readonly TimeSpan WaitingInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private long _lastWaiting;

    public void Rejected(string file, RejectedLine line)
    {
    }

    public void Waiting(string reason)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            if (_lastWaiting != 0 && time.GetElapsedTime(_lastWaiting, now) < WaitingInterval)
            {
                return;
            }

            _lastWaiting = now;
        }

        LogWaiting(reason);
    }

    public void Warning(string text) => LogWarning(text);

    [LoggerMessage(EventIds.Waiting, LogLevel.Information, "Waiting for {Reason}")]
    private partial void LogWaiting(string reason);

    [LoggerMessage(EventIds.RunWarning, LogLevel.Warning, "{Text}")]
    private partial void LogWarning(string text);
}
