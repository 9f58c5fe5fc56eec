namespace RevenueAspire.Torture.Report;

/// <summary>What was done and how long it took to recover. Thread-safe.</summary>
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

    /// <summary>A row for each kind that came: number, median and longest recovery (null: none recovered).</summary>
    public IReadOnlyList<(string Kind, int Count, TimeSpan? Median, TimeSpan? Longest)> Summarize()
    {
        lock (_faults)
        {
            return [.. _faults.GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind =>
            {
                var times = kind.Select(fault => fault.Recovery).OfType<TimeSpan>().Order().ToArray();
                return (kind.Key, kind.Count(), times.Length == 0 ? (TimeSpan?)null : times[times.Length / 2], times.Length == 0 ? (TimeSpan?)null : times[^1]);
            })];
        }
    }
}
