using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Ingest;

/// <summary>Logs the number of incoming events: at most one line per ten seconds, and no line without events. After a pause, the first line appears within a
/// second.</summary>
/// <remarks>It reads the counters, so handling an event writes no log line.</remarks>
internal sealed partial class IngestReport(EventLogWriter log, IngestMetrics metrics, TimeProvider time, ILogger<IngestReport> logger) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private IngestCounts _reported = metrics.Read();
    private long _since = time.GetTimestamp();
    private long _reportedAt = time.GetTimestamp() - (long)(Interval.TotalSeconds * time.TimestampFrequency);

    /// <summary>Logs a line if events arrived since the last line, and that line is old enough.</summary>
    /// <param name="now">Logs even if the last line is recent.</param>
    internal void Report(bool now)
    {
        var counts = metrics.Read();
        var at = time.GetTimestamp();
        if (counts == _reported)
        {
            // No events: the next line covers the time from now on, since the last line may be hours old.
            _since = at;
            return;
        }

        if (!now && time.GetElapsedTime(_reportedAt, at) < Interval)
        {
            return;
        }

        LogIngested(
            logger,
            counts.Accepted - _reported.Accepted,
            counts.AcceptedRequests - _reported.AcceptedRequests,
            time.GetElapsedTime(_since, at).TotalSeconds,
            counts.Repeated - _reported.Repeated,
            counts.Rejected - _reported.Rejected,
            counts.Refused - _reported.Refused,
            counts.Limited - _reported.Limited,
            log.LastReceipt?.ToString() ?? "none yet");
        (_reported, _since, _reportedAt) = (counts, at, at);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(CheckInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Report(now: false);
            }
        }
        catch (OperationCanceledException)
        {
            // The server has finished all requests before this service stops, so no more events arrive.
            Report(now: true);
        }
    }

    [LoggerMessage(EventIds.EventsAccepted, LogLevel.Information,
        "Accepted {Events} events from {Requests} requests in {Seconds:0.0} s ({Repeated} repeated, {Rejected} rejected, {Refused} refused, {Limited} over a "
            + "limit); last receipt {Receipt}.")]
    private static partial void LogIngested(
        ILogger logger, long events, long requests, double seconds, long repeated, long rejected, long refused, long limited, string receipt);
}
