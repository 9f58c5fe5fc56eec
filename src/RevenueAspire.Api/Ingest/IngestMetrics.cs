using System.Diagnostics.Metrics;

namespace RevenueAspire.Api.Ingest;

/// <summary>Counts what comes in. Thread-safe.</summary>
internal sealed class IngestMetrics
{
    public const string MeterName = "RevenueAspire.Api";

    private static readonly KeyValuePair<string, object?> Accepted = new("outcome", "accepted");
    private static readonly KeyValuePair<string, object?> Repeated = new("outcome", "repeated");
    private static readonly KeyValuePair<string, object?> Rejected = new("outcome", "rejected");
    private static readonly KeyValuePair<string, object?> Refused = new("outcome", "refused");

    private readonly Counter<long> _events;
    private readonly Counter<long> _bytes;

    public IngestMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _events = meter.CreateCounter<long>("revenue.ingest.events", "{event}",
            "Events by outcome: accepted (on disk), repeated (already there), rejected (no event), refused (secret, key, size, overload; an unread body counts as one).");
        _bytes = meter.CreateCounter<long>("revenue.ingest.bytes", "By", "Bytes of the bodies that were read, inflated.");
    }

    public void CountAccepted(long events) => _events.Add(events, Accepted);

    public void CountRepeated(long events) => _events.Add(events, Repeated);

    public void CountRejected(long events) => _events.Add(events, Rejected);

    public void CountRefused(long events) => _events.Add(events, Refused);

    public void CountBytes(long bytes) => _bytes.Add(bytes);
}
