using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>Figures of several runs, and how they are shown.</summary>
internal static class Figures
{
    /// <summary>A line for two sides that were measured in turn: medians, spans, ratio of the medians.</summary>
    public static void Print(string title, string unit, string nameA, IReadOnlyList<double> a, string nameB, IReadOnlyList<double> b) =>
        Console.WriteLine(
            FormattableString.Invariant($"{title}: {nameA} {Statistics.Median(a):N2} {unit} ({a.Min():N2} to {a.Max():N2}), {nameB} {Statistics.Median(b):N2} {unit} ({b.Min():N2} to {b.Max():N2}), ratio {Statistics.Median(a) / Statistics.Median(b):0.00}"));
}
