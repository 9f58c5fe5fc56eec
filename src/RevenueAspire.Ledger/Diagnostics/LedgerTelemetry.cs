using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace RevenueAspire.Ledger;

/// <summary>Names of the ledger's OpenTelemetry meter and activity source. No tag contains a user id.</summary>
public static class LedgerTelemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "RevenueAspire.Ledger";

    /// <summary>Has one activity per merge of a part and per live range. Npgsql adds the activities of single statements.</summary>
    internal static readonly ActivitySource Activities = new(Name);

    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<double> MergeDuration = Meter.CreateHistogram<double>(
        "revenue.processor.merge.duration",
        "s",
        "Time of one merge statement: a batch of a part or of rejects, or a live range.",
        tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });

    internal static void RecordMerge(long startTimestamp, string kind) =>
        MergeDuration.Record(Stopwatch.GetElapsedTime(startTimestamp).TotalSeconds, new KeyValuePair<string, object?>("kind", kind));
}
