using System.Globalization;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Soak;

/// <summary>Whether what may not grow has grown.</summary>
internal static class GrowthCheck
{
    /// <summary>Compares the last quarter of each gauge with its first.</summary>
    /// <param name="all">The gauges and their values; those of too few values say nothing.</param>
    /// <param name="violations">Told each gauge that is beyond its bound.</param>
    public static void Run(IReadOnlyDictionary<Gauge, Series> all, Violations violations)
    {
        foreach (var (gauge, series) in all)
        {
            if (gauge.Bound is { } bound && series.Count >= Series.LeastValues && series.LastQuarter > bound(series.FirstQuarter))
            {
                violations.Add(ViolationKind.Other,
                    string.Create(CultureInfo.InvariantCulture,
                    $"{gauge.Name} grew from {series.FirstQuarter:0.#} to {series.LastQuarter:0.#} {gauge.Unit} (medians of the first and last quarter); "
                        + $"{bound(series.FirstQuarter):0.#} is allowed"));
            }
        }
    }
}
