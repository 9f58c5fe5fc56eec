using HdrHistogram;

namespace RevenueAspire.Client.Load;

/// <summary>Counts durations in constant memory, in microseconds. Percentiles are within 0.1 % of the exact value. Thread-safe.</summary>
internal sealed class LatencyHistogram
{
    /// <summary>Maximum duration; longer ones are recorded as this value. A load lasts at most one day, and its last requests may end later.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(2);

    private readonly LongConcurrentHistogram _histogram = new(lowestTrackableValue: 1, (long)Longest.TotalMicroseconds, numberOfSignificantValueDigits: 3);

    public long Count => _histogram.TotalCount;

    /// <summary>Records a duration; a negative one counts as zero.</summary>
    public void Record(TimeSpan duration) => _histogram.RecordValue((long)Math.Clamp(duration.TotalMicroseconds, 0, Longest.TotalMicroseconds));

    /// <summary>Returns the shortest time within which this share of the requests ended; zero if nothing is recorded.</summary>
    /// <param name="percent">From 0 to 100.</param>
    public TimeSpan Percentile(double percent) =>
        Count == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(_histogram.HighestEquivalentValue(_histogram.GetValueAtPercentile(percent)));
}
