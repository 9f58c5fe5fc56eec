using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Soak;

/// <summary>What is measured of what, and how much it may grow.</summary>
/// <param name="Name">Of what, and what: <c>api memory</c>.</param>
/// <param name="Unit">For people.</param>
/// <param name="Bound">From the median of the first quarter: what the median of the last may be at most; null when growth is no fault.</param>
internal sealed record Gauge(string Name, string Unit, Func<double, double>? Bound)
{
    /// <summary>Pools grow to what the load needs at once; a connection that is not given back now and then is beyond this.</summary>
    public static Gauge Connections { get; } = new("Postgres connections", "", first => first + 8);

    /// <summary>A garbage collector gives memory back when it likes to; a leak of a hundred bytes a request is far beyond this after an hour.</summary>
    public static Gauge Memory(string of) => new($"{of} memory", "MB", first => (first * 1.25) + 32);

    /// <summary>The load's connections, three dozen, come and go; a leak of one a minute is beyond this after an hour.</summary>
    public static Gauge Handles(string of) => new($"{of} handles", "", first => first + 36);

    /// <summary>The thread pool follows the load; a thread that is forgotten now and then is beyond this.</summary>
    public static Gauge Threads(string of) => new($"{of} threads", "", first => first + 12);
}

/// <summary>The values of a gauge over a run. Not thread-safe.</summary>
internal sealed class Series
{
    private readonly List<double> _values = [];

    /// <summary>What the median needs to say anything: two values a quarter.</summary>
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
