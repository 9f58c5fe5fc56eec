namespace RevenueAspire.Testing;

/// <summary>Statistics over several measurements.</summary>
public static class Statistics
{
    /// <summary>The middle value, or the mean of the two middle values; 0 without values.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
