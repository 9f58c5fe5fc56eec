using System.Globalization;

namespace RevenueAspire.Torture.Stage;

/// <summary>Settings of the processes of a run. Thread-safe.</summary>
/// <param name="random">Decides the settings; only this object uses it once services run.</param>
/// <param name="clock">Clock of API and processors.</param>
/// <param name="retains">See <see cref="TortureStage.Retains"/>.</param>
internal sealed class ServiceSettings(Random random, FakeClock clock, bool retains)
{
    /// <summary>Key window of the API in runs with retention: the smallest window that is large enough for this tool's clients.</summary>
    public const int SmallKeyWindow = 2_500;

    /// <summary>Returns different settings on each call, because processors with different settings may share a source. The values are small, so that every
    /// code path runs.</summary>
    public Dictionary<string, string?> NextProcessor()
    {
        lock (random)
        {
            return new Dictionary<string, string?>(clock.Settings)
            {
                ["Processor__LeaseSeconds"] = Text(random.Next(2, 5)),
                ["Processor__LiveRangeBytes"] = Text(random.Next(4_000, 100_000)),
                ["Processor__RangeBytes"] = Text(random.Next(10_000, 500_000)),
                ["Processor__BlockBytes"] = Text(random.Next(1_000, 100_000)),
                ["Processor__MaxUsersInMemory"] = Text(random.Next(50, 3_000)),
                ["Processor__MaxRejectsPerRange"] = Text(random.Next(5, 200)),
                ["Processor__MergeBatchRows"] = Text(random.Next(10, 500)),
                ["Processor__Connections"] = Text(random.Next(1, 4)),
                ["Processor__RetrySeconds"] = "30",
            };
        }
    }

    /// <summary>Settings of an API process.</summary>
    public Dictionary<string, string?> Api(string url)
    {
        var settings = new Dictionary<string, string?>(clock.Settings)
        {
            ["ASPNETCORE_URLS"] = url,
            ["EventLog__SegmentBytes"] = retains ? "200000" : "1000000",
        };
        if (retains)
        {
            settings["EventLog__Retention"] = "Applied";
            settings["EventLog__RetainBytes"] = "600000";
            settings["EventLog__KeyWindow"] = Text(SmallKeyWindow);
        }

        return settings;
    }

    /// <summary>Settings of the client as a service, which listens at <paramref name="url"/> and sends <paramref name="file"/>.</summary>
    public static Dictionary<string, string?> Client(string url, string api, string file) => new()
    {
        ["ASPNETCORE_URLS"] = url,
        ["Client__Url"] = api,
        ["Client__File"] = file,
        ["Client__Concurrency"] = "16",
        ["Client__RequestTimeoutSeconds"] = "10",
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
