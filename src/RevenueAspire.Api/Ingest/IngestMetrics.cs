using System.Collections.Immutable;
using System.Diagnostics.Metrics;

namespace RevenueAspire.Api.Ingest;

/// <summary>Counts what comes in, by caller. Thread-safe.</summary>
/// <remarks>A collector reads the counters: to hand each event to every listener cost more than to parse it.</remarks>
internal sealed class IngestMetrics
{
    public const string MeterName = "RevenueAspire.Api";

    /// <summary>The tag of callers that have none of their own.</summary>
    public const string OtherName = "other";

    private ImmutableArray<CallerMetrics> _all;

    public IngestMetrics(IMeterFactory meters)
    {
        _all = [Unnamed];
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("revenue.ingest.events", ObserveEvents, "{event}",
            "Events by outcome: accepted (on disk), repeated (already there), rejected (no event), refused (secret, key, size, overload; an unread body "
                + "counts as one), limited (over the caller's limit; a request counts as one). By caller, where it has a name.");
        meter.CreateObservableCounter("revenue.ingest.bytes", ObserveBytes, "By", "Bytes of the bodies that were read, inflated, by caller.");
    }

    /// <summary>Of secrets without a name, and of requests whose caller is unknown.</summary>
    public CallerMetrics Unnamed { get; } = new(null);

    /// <summary>Adds a value of the tag <c>caller</c>, once. The collector keeps each one, so their number must be limited.</summary>
    public CallerMetrics Add(string caller)
    {
        var added = new CallerMetrics(caller);
        ImmutableInterlocked.Update(ref _all, all => all.Add(added));
        return added;
    }

    /// <summary>A request whose caller is unknown.</summary>
    public void CountRefused(long events) => Unnamed.CountRefused(events);

    /// <summary>All counts of all callers, each as of now.</summary>
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

    private IEnumerable<Measurement<long>> ObserveBytes() =>
        _all.Select(caller => caller.Caller is { } name ? new Measurement<long>(caller.Bytes, CallerTag(name)) : new Measurement<long>(caller.Bytes));

    private static Measurement<long> Of(CallerMetrics caller, long value, string outcome)
    {
        var tag = new KeyValuePair<string, object?>("outcome", outcome);
        return caller.Caller is { } name ? new Measurement<long>(value, tag, CallerTag(name)) : new Measurement<long>(value, tag);
    }

    private static KeyValuePair<string, object?> CallerTag(string name) => new("caller", name);
}
