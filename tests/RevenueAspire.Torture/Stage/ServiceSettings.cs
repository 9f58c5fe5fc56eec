using System.Globalization;

namespace RevenueAspire.Torture.Stage;

/// <summary>Settings of the processes of a run. Thread-safe.</summary>
/// <param name="random">Decides; used by this object alone once services run.</param>
/// <param name="clock">Of API and processors.</param>
/// <param name="retains">See <see cref="TortureStage.Retains"/>.</param>
internal sealed class ServiceSettings(Random random, FakeClock clock, bool retains)
{
    /// <summary>Keys that the API remembers where the log is removed behind the ledger: as few as the clients here can do with.</summary>
    public const int SmallKeyWindow = 2_500;

    /// <summary>Others each time: processors with different settings work on one source. Small, so that every path is taken.</summary>
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

    /// <summary>Of a process of the API.</summary>
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

    /// <summary>Of the client as a service, at <paramref name="url"/>, which sends <paramref name="file"/>.</summary>
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
