using System.Globalization;

namespace RevenueAspire.Torture.Soak;

/// <summary>What a soak is asked to do.</summary>
/// <param name="Duration">How long load is driven.</param>
/// <param name="Rate">Events a second, in all.</param>
/// <param name="Seed">Decides which events are sent.</param>
/// <param name="Engine">Where the log is.</param>
/// <param name="Keep">Keep data and outputs whatever was found.</param>
internal sealed record SoakSettings(TimeSpan Duration, int Rate, int Seed, LogEngine Engine, bool Keep)
{
    /// <summary>From here on growth is judged: what a start takes (compiled code, pools, the window of keys) is told apart from a leak only over
    /// minutes.</summary>
    public static readonly TimeSpan JudgedFrom = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan LongestWarmUp = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(10);

    /// <summary>At the beginning, of which nothing goes into the quarters.</summary>
    public TimeSpan WarmUp => Min(LongestWarmUp, Duration / 6);

    /// <summary>Between two samples.</summary>
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
