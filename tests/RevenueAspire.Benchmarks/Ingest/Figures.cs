namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>Figures of several runs, and how they are shown.</summary>
internal static class Figures
{
    public static double Median(IEnumerable<double> figures)
    {
        double[] sorted = [.. figures.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>A line for two sides that were measured in turn: medians, spans, ratio of the medians.</summary>
    public static void Print(string title, string unit, string nameA, IReadOnlyList<double> a, string nameB, IReadOnlyList<double> b) =>
        Console.WriteLine(
            FormattableString.Invariant($"{title}: {nameA} {Median(a):N2} {unit} ({a.Min():N2} to {a.Max():N2}), {nameB} {Median(b):N2} {unit} ({b.Min():N2} to {b.Max():N2}), ratio {Median(a) / Median(b):0.00}"));
}
