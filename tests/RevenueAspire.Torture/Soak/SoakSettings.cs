using System.Globalization;

namespace RevenueAspire.Torture.Soak;

/// <summary>The settings of a soak run.</summary>
/// <param name="Duration">Duration of the load.</param>
/// <param name="Rate">Events per second, from all clients together.</param>
/// <param name="Seed">Decides which events are sent.</param>
/// <param name="Engine">Storage of the log.</param>
/// <param name="Keep">Keep data and outputs in any case.</param>
internal sealed record SoakSettings(TimeSpan Duration, int Rate, int Seed, LogEngine Engine, bool Keep)
{
    /// <summary>
    /// Minimum duration for a verdict on growth. In a shorter run, a leak looks like the growth after a start (compiled code, pools, the key window).
    /// </summary>
    public static readonly TimeSpan JudgedFrom = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan LongestWarmUp = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(10);

    /// <summary>Time at the start whose samples do not count.</summary>
    public TimeSpan WarmUp => Min(LongestWarmUp, Duration / 6);

    /// <summary>Time between two samples.</summary>
    public TimeSpan Interval => Min(LongestInterval, Duration / 20);

    /// <summary>Whether the run is long enough for a verdict on growth.</summary>
    public bool JudgesGrowth => Duration >= JudgedFrom;

    /// <summary>The command that repeats the run.</summary>
    public string Replay => string.Create(
        CultureInfo.InvariantCulture,
        $"dotnet run -c Release --project tests/RevenueAspire.Torture -- soak --minutes {Duration.TotalMinutes:0.###} --rate {Rate} --seed "
            + $"{Seed}{(Engine == LogEngine.Files ? "" : " --engine postgres")}");

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
