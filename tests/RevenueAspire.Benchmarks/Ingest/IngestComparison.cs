using System.Globalization;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The API beside a bare Kestrel endpoint: both processes in turn, several runs, medians and their ratio.</summary>
/// <remarks>Needs wrk, and all projects built in Release: <c>dotnet build -c Release</c>, then <c>dotnet run -c Release --project tests/RevenueAspire.Benchmarks -- ingest</c>.</remarks>
internal static class IngestComparison
{
    private const string Usage = """
        ingest [single|batch|latency|allocations|client|node|all]... [--runs 5] [--seconds 6] [--connections 256,64] [--rival API.dll] [--engines "Host=..;Username=.."] [--quick]

          single       POST /liveEvent with wrk, the API beside bare Kestrel
          batch        100 MB by POST /liveEvents in bodies of 4 MB over 2 connections, beside a Kestrel endpoint that reads and drops them
          latency      99th percentile of single events at about half the load that the API takes
          allocations  managed bytes a single event allocates, beside bare Kestrel
          client       RevenueAspire.Client send of 100 MB, in batches of 1000 and as single events, beside what wrk gets; batches also with a core for the API and one for the sender
          node         a small Node server that appends without fsync, beside bare Kestrel
          --rival      another build of the API, measured in turn with this one and bare Kestrel (single)
          --engines    the log in Postgres, on this server, beside the log in files: single events, and batches of 1000
        """;

    /// <summary>Runs what the arguments ask for.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var settings = new Settings();
        var parts = new List<string>();
        for (var i = 0; i < arguments.Length; i++)
        {
            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            switch (arguments[i])
            {
                case "--runs" when Number(value) is > 0 and var runs:
                    settings = settings with { Runs = runs };
                    i++;
                    break;
                case "--seconds" when Number(value) is > 0 and var seconds:
                    settings = settings with { Seconds = seconds };
                    i++;
                    break;
                case "--connections" when Array.ConvertAll(value.Split(','), Number) is var connections && connections.All(count => count > 0):
                    settings = settings with { Connections = connections };
                    i++;
                    break;
                case "--rival" when File.Exists(value):
                    settings = settings with { Rival = Path.GetFullPath(value) };
                    i++;
                    break;
                case "--engines" when value.Length > 0:
                    settings = settings with { Server = value };
                    parts.Add("engines");
                    i++;
                    break;
                case "single" or "batch" or "latency" or "allocations" or "client" or "node" or "all":
                    parts.Add(arguments[i]);
                    break;
                default:
                    Console.Error.WriteLine(Usage);
                    return 2;
            }
        }

        settings = settings with { Runs = Amounts.Runs(settings.Runs), Seconds = Amounts.Seconds(settings.Seconds), Connections = Amounts.Quick ? [Amounts.Connections(64)] : settings.Connections };
        bool Wanted(string part) => parts.Count == 0 || parts.Contains("all") || parts.Contains(part);
        await using var bare = await MeasuredServer.StartBareAsync();
        await using var api = await MeasuredServer.StartApiAsync(bare.Url);
        if (Wanted("single"))
        {
            await using var rival = settings.Rival is { } program ? await MeasuredServer.StartApiAsync(program, bare.Url, []) : null;
            await SingleEvents.CompareAsync(api.Url, bare.Url, rival?.Url, settings);
        }

        if (Wanted("latency"))
        {
            await SingleEvents.MeasureLatencyAsync(api.Url, settings);
        }

        if (Wanted("allocations"))
        {
            await Allocations.CompareAsync(api, bare, settings);
        }

        if (Wanted("batch"))
        {
            await Batches.CompareAsync(api.Url, bare.Url, settings);
        }

        if (Wanted("client"))
        {
            await ClientRuns.CompareAsync(api, settings);
        }

        if (Wanted("node"))
        {
            await SingleEvents.CompareNodeAsync(bare.Url, settings);
        }

        if (settings.Server is { } server)
        {
            await Engines.CompareAsync(bare.Url, api.Url, server, settings);
        }

        return 0;
    }

    /// <summary>0 for what is no number.</summary>
    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>How much is measured.</summary>
    internal sealed record Settings
    {
        public int Runs { get; init; } = 5;

        /// <summary>Connection string of a Postgres server for the log in Postgres, or null.</summary>
        public string? Server { get; init; }

        /// <summary>Assembly of another build of the API, or null.</summary>
        public string? Rival { get; init; }

        public int Seconds { get; init; } = 6;

        public IReadOnlyList<int> Connections { get; init; } = [256, 64];
    }
}
