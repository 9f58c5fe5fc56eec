using System.Diagnostics.Metrics;

namespace RevenueAspire.EventLog.Writing;

/// <summary>Meter <c>RevenueAspire.EventLog</c>, one instance per writer.</summary>
internal sealed class WriterMetrics : IDisposable
{
    public const string MeterName = "RevenueAspire.EventLog";

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _duration;
    private readonly Histogram<long> _size;

    public WriterMetrics(Func<int> queueDepth)
    {
        _duration = _meter.CreateHistogram(
            "revenue.log.commit.duration",
            "s",
            "Duration of a group commit: write, fsync, mark.",
            tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] });
        _size = _meter.CreateHistogram(
            "revenue.log.commit.size",
            "By",
            "Bytes of a group commit.",
            tags: null,
            new InstrumentAdvice<long> { HistogramBucketBoundaries = [256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216] });
        _meter.CreateObservableUpDownCounter("revenue.log.queue.depth", queueDepth, "{group}", "Groups waiting for the writer.");
    }

    public void Committed(TimeSpan duration, long bytes)
    {
        _duration.Record(duration.TotalSeconds);
        _size.Record(bytes);
    }

    public void Dispose() => _meter.Dispose();
}
