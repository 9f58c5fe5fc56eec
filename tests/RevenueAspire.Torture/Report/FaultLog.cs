using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Report;

/// <summary>The injected faults and their recovery times. Thread-safe.</summary>
internal sealed class FaultLog
{
    private readonly List<(string Kind, TimeSpan? Recovery)> _faults = [];

    public void Add(string kind, TimeSpan? recovery)
    {
        lock (_faults)
        {
            _faults.Add((kind, recovery));
        }
    }

    /// <summary>One result per kind that occurred: number of faults, median and longest recovery.</summary>
    public IReadOnlyList<(string Name, string Value)> Summarize()
    {
        lock (_faults)
        {
            return [.. _faults.GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind =>
            {
                var seconds = kind.Select(fault => fault.Recovery).OfType<TimeSpan>().Select(time => time.TotalSeconds).ToArray();
                var recovery = seconds.Length == 0 ? ""
                    : FormattableString.Invariant($", recovered in {Statistics.Median(seconds):0.0} s (median), {seconds.Max():0.0} s (max)");
                return ($"Faults: {kind.Key}", kind.Count() + recovery);
            })];
        }
    }
}
