using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Soak;

/// <summary>A measured quantity, and its allowed growth.</summary>
/// <param name="Name">Process and quantity: <c>api memory</c>.</param>
/// <param name="Unit">Unit in the output.</param>
/// <param name="Bound">Computes the maximum median of the last quarter from the median of the first quarter. Null if growth is not an error.</param>
internal sealed record Gauge(string Name, string Unit, Func<double, double>? Bound)
{
    /// <summary>Bound for connections. Pools grow to the concurrency of the load; occasional leaks exceed the bound.</summary>
    public static Gauge Connections { get; } = new("Postgres connections", "", first => first + 8);

    /// <summary>Bound for memory. The garbage collector returns memory irregularly; a leak of 100 bytes per request far exceeds the bound after an
    /// hour.</summary>
    public static Gauge Memory(string of) => new($"{of} memory", "MB", first => (first * 1.25) + 32);

    /// <summary>Bound for handles. The load opens and closes about 36 connections; a leak of one handle per minute exceeds the bound after an hour.</summary>
    public static Gauge Handles(string of) => new($"{of} handles", "", first => first + 36);

    /// <summary>Bound for threads. The size of the thread pool follows the load; occasional leaks exceed the bound.</summary>
    public static Gauge Threads(string of) => new($"{of} threads", "", first => first + 12);
}

/// <summary>The values of a gauge over a run. Not thread-safe.</summary>
internal sealed class Series
{
    private readonly List<double> _values = [];

    /// <summary>Smallest number of values for a verdict: two per quarter.</summary>
    public const int LeastValues = 8;

    public void Add(double value) => _values.Add(value);

    public int Count => _values.Count;

    public double Peak => _values.Count == 0 ? 0 : _values.Max();

    public double Last => _values.Count == 0 ? 0 : _values[^1];

    /// <summary>Median of the first quarter of all values.</summary>
    public double FirstQuarter => Statistics.Median(_values.Take(Quarter));

    /// <summary>Median of the last quarter of all values.</summary>
    public double LastQuarter => Statistics.Median(_values.TakeLast(Quarter));

    private int Quarter => Math.Max(1, _values.Count / 4);
}
