using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>Says what came in, a line at most every ten seconds and none while nothing comes: the first line of a burst within a second, whatever its rate.</summary>
/// <remarks>It reads the counters; nobody who takes an event waits for a log line, or makes one.</remarks>
internal sealed partial class IngestReport(EventLogWriter log, IngestMetrics metrics, TimeProvider time, ILogger<IngestReport> logger) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private IngestCounts _told = metrics.Read();
    private long _since = time.GetTimestamp();
    private long _toldAt = time.GetTimestamp() - (long)(Interval.TotalSeconds * time.TimestampFrequency);

    /// <summary>Looks once: a line when something came since the last one and that is long enough ago.</summary>
    /// <param name="now">However short ago it is.</param>
    internal void Look(bool now)
    {
        var counts = metrics.Read();
        var at = time.GetTimestamp();
        if (counts == _told)
        {
            // The next line counts from here on, not from the last line, which may be hours ago.
            _since = at;
            return;
        }

        if (!now && time.GetElapsedTime(_toldAt, at) < Interval)
        {
            return;
        }

        LogIngested(
            logger,
            counts.Accepted - _told.Accepted,
            counts.AcceptedRequests - _told.AcceptedRequests,
            time.GetElapsedTime(_since, at).TotalSeconds,
            counts.Repeated - _told.Repeated,
            counts.Rejected - _told.Rejected,
            counts.Refused - _told.Refused,
            log.LastReceipt?.ToString() ?? "none yet");
        (_told, _since, _toldAt) = (counts, at, at);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Look(now: false);
            }
        }
        catch (OperationCanceledException)
        {
            // The server has drained before this stops: what is left is all there will be.
            Look(now: true);
        }
    }

    [LoggerMessage(EventIds.EventsAccepted, LogLevel.Information, "Accepted {Events} events of {Requests} requests in {Seconds:0.0} s ({Repeated} repeated, {Rejected} rejected, {Refused} refused); last receipt {Receipt}.")]
    private static partial void LogIngested(ILogger logger, long events, long requests, double seconds, long repeated, long rejected, long refused, string receipt);
}
