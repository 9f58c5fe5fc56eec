using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks;

/// <summary>Prints figures of several runs.</summary>
internal static class Figures
{
    /// <summary>Prints a line for two alternately measured sides: medians, ranges, ratio of the medians.</summary>
    public static void Print(string title, string unit, string nameA, IReadOnlyList<double> a, string nameB, IReadOnlyList<double> b) =>
        Console.WriteLine(
            FormattableString.Invariant($"{title}: {Text(nameA, unit, a)}, {Text(nameB, unit, b)}, ratio {Statistics.Median(a) / Statistics.Median(b):0.00}"));

    private static string Text(string name, string unit, IReadOnlyList<double> figures) =>
        FormattableString.Invariant($"{name} {Statistics.Median(figures):N2} {unit} ({figures.Min():N2} to {figures.Max():N2})");
}
