using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace RevenueAspire.Ledger;

/// <summary>Names under which OpenTelemetry finds what the ledger measures. Never a user id in a tag.</summary>
public static class LedgerTelemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "RevenueAspire.Ledger";

    /// <summary>One activity for each merge of a part and each live apply; a statement's own are Npgsql's.</summary>
    internal static readonly ActivitySource Activities = new(Name);

    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<double> MergeDuration = Meter.CreateHistogram<double>(
        "revenue.processor.merge.duration", "s", "Time of one merge statement: a batch of a part, or a live range.");

    internal static void RecordMerge(long startTimestamp, string kind) =>
        MergeDuration.Record(Stopwatch.GetElapsedTime(startTimestamp).TotalSeconds, new KeyValuePair<string, object?>("kind", kind));
}
