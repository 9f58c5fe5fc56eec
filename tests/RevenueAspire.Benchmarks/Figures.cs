using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>Figures of several runs, and how they are shown.</summary>
internal static class Figures
{
    /// <summary>A line for two sides that were measured in turn: medians, spans, ratio of the medians.</summary>
    public static void Print(string title, string unit, string nameA, IReadOnlyList<double> a, string nameB, IReadOnlyList<double> b) =>
        Console.WriteLine(
            FormattableString.Invariant($"{title}: {Text(nameA, unit, a)}, {Text(nameB, unit, b)}, ratio {Statistics.Median(a) / Statistics.Median(b):0.00}"));

    private static string Text(string name, string unit, IReadOnlyList<double> figures) =>
        FormattableString.Invariant($"{name} {Statistics.Median(figures):N2} {unit} ({figures.Min():N2} to {figures.Max():N2})");
}
