using System.Collections.Immutable;
using System.Diagnostics.Metrics;

namespace RevenueAspire.Api.Ingest;

/// <summary>Counts incoming events by caller. Thread-safe.</summary>
/// <remarks>The collector polls these counters. Notifying every listener of each event would cost more than parsing it.</remarks>
internal sealed class IngestMetrics
{
    public const string MeterName = "RevenueAspire.Api";

    /// <summary>The tag value that all further callers share.</summary>
    public const string OtherName = "other";

    private ImmutableArray<CallerMetrics> _all;

    public IngestMetrics(IMeterFactory meters)
    {
        _all = [Unnamed];
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("revenue.ingest.events", ObserveEvents, "{event}",
            "Events by outcome: accepted (on disk), repeated (already in the log), rejected (not a valid event), refused (secret, key, size, overload; an "
                + "unread body counts as one), limited (over the caller's limit; a request counts as one). Tagged with the caller's name, if it has one.");
        meter.CreateObservableCounter("revenue.ingest.bytes", ObserveBytes, "By", "Bytes of request bodies read, after decompression, by caller.");
    }

    /// <summary>The shared counts of all unnamed secrets, and of requests from unknown callers.</summary>
    public CallerMetrics Unnamed { get; } = new(null);

    /// <summary>Adds a value of the tag <c>caller</c>. Add each value once, and only a limited number of values: the collector stores each of them.</summary>
    public CallerMetrics Add(string caller)
    {
        var added = new CallerMetrics(caller);
        ImmutableInterlocked.Update(ref _all, all => all.Add(added));
        return added;
    }

    /// <summary>The sum over all callers. Each count is current, but together they are not a consistent snapshot.</summary>
    public IngestCounts Read() => _all.Aggregate(default(IngestCounts), (sum, caller) => sum + caller.Read());

    private IEnumerable<Measurement<long>> ObserveEvents() => _all.SelectMany(caller =>
    {
        var counts = caller.Read();
        return (Measurement<long>[])
        [
            Of(caller, counts.Accepted, "accepted"),
            Of(caller, counts.Repeated, "repeated"),
            Of(caller, counts.Rejected, "rejected"),
            Of(caller, counts.Refused, "refused"),
            Of(caller, counts.Limited, "limited"),
        ];
    });

    private IEnumerable<Measurement<long>> ObserveBytes() => _all.Select(caller => Of(caller, caller.Bytes.Sum));

    private static Measurement<long> Of(CallerMetrics caller, long value, string? outcome = null) => new(
        value,
        ((KeyValuePair<string, object?>[])[new("outcome", outcome), new("caller", caller.Caller)]).Where(tag => tag.Value is not null));
}
