using System.Diagnostics.Metrics;

namespace RevenueAspire.Api.Ingest;

/// <summary>Counts what comes in. Thread-safe.</summary>
/// <remarks>A collector reads the counters: to hand each event to every listener cost more than to parse it.</remarks>
internal sealed class IngestMetrics
{
    public const string MeterName = "RevenueAspire.Api";

    private readonly StripedCount _acceptedSingly = new();
    private readonly StripedCount _acceptedInBatches = new();
    private readonly StripedCount _batches = new();
    private readonly StripedCount _repeated = new();
    private readonly StripedCount _rejected = new();
    private readonly StripedCount _refused = new();
    private readonly StripedCount _bytes = new();

    public IngestMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("revenue.ingest.events", ObserveEvents, "{event}",
            "Events by outcome: accepted (on disk), repeated (already there), rejected (no event), refused (secret, key, size, overload; an unread body "
                + "counts as one).");
        meter.CreateObservableCounter("revenue.ingest.bytes", () => _bytes.Sum, "By", "Bytes of the bodies that were read, inflated.");
    }

    public void CountAccepted() => _acceptedSingly.Add(1);

    public void CountAcceptedBatch(long events)
    {
        _acceptedInBatches.Add(events);
        _batches.Add(1);
    }

    public void CountRepeated(long events) => _repeated.Add(events);

    public void CountRejected(long events) => _rejected.Add(events);

    public void CountRefused(long events) => _refused.Add(events);

    public void CountBytes(long bytes) => _bytes.Add(bytes);

    public IngestCounts Read()
    {
        var singly = _acceptedSingly.Sum;
        return new IngestCounts(singly + _acceptedInBatches.Sum, singly + _batches.Sum, _repeated.Sum, _rejected.Sum, _refused.Sum);
    }

    private Measurement<long>[] ObserveEvents() =>
    [
        new(_acceptedSingly.Sum + _acceptedInBatches.Sum, new KeyValuePair<string, object?>("outcome", "accepted")),
        new(_repeated.Sum, new KeyValuePair<string, object?>("outcome", "repeated")),
        new(_rejected.Sum, new KeyValuePair<string, object?>("outcome", "rejected")),
        new(_refused.Sum, new KeyValuePair<string, object?>("outcome", "refused")),
    ];
}

/// <summary>Events by outcome since the start, and the requests that brought the accepted ones.</summary>
internal readonly record struct IngestCounts(long Accepted, long AcceptedRequests, long Repeated, long Rejected, long Refused);
