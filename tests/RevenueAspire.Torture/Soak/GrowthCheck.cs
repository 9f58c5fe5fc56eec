using System.Globalization;
using RevenueAspire.Torture.Checks;

namespace RevenueAspire.Torture.Soak;

/// <summary>Reports gauges that grew beyond their bound.</summary>
internal static class GrowthCheck
{
    /// <summary>Compares the last quarter of each gauge with its first.</summary>
    /// <param name="all">The gauges and their values; gauges with too few values are skipped.</param>
    /// <param name="violations">Receives each gauge above its bound.</param>
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
