using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace RevenueAspire.Processor;

/// <summary>Meter <c>RevenueAspire.Processor</c>. Thread-safe.</summary>
internal sealed class ProcessorMetrics : IDisposable
{
    public const string MeterName = "RevenueAspire.Processor";
    private static readonly KeyValuePair<string, object?> Accepted = new("outcome", "accepted");
    private static readonly KeyValuePair<string, object?> Rejected = new("outcome", "rejected");
    private readonly ConcurrentDictionary<Guid, Func<long>> _lags = new();
    private readonly Meter _meter;
    private readonly Counter<long> _events;

    /// <param name="meter">The meter; this object disposes of it.</param>
    public ProcessorMetrics(Meter meter)
    {
        _meter = meter;
        _events = _meter.CreateCounter<long>("revenue.processor.events", "{event}", "Lines that this processor aggregated and committed to merge, by outcome.");
        _meter.CreateObservableGauge("revenue.processor.lag", ObserveLags, "By", "Bytes between a log's applied offset and its durable mark.");
    }

    /// <summary>Counts the lines of a range as soon as its merge is certain.</summary>
    public void CountEvents(long events, long rejects)
    {
        _events.Add(events, Accepted);
        if (rejects > 0)
        {
            _events.Add(rejects, Rejected);
        }
    }

    /// <summary>Reports a log's lag while the log is followed.</summary>
    public void ObserveLag(Guid logId, Func<long> lag) => _lags[logId] = lag;

    /// <summary>Stops reporting a log's lag.</summary>
    public void ForgetLag(Guid logId) => _lags.TryRemove(logId, out _);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> ObserveLags() =>
        _lags.Select(lag => new Measurement<long>(lag.Value(), new KeyValuePair<string, object?>("log", lag.Key.ToString("N"))));
}
