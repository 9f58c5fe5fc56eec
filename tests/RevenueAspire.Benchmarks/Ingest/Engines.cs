using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The API with its log in Postgres, compared with the API with its log in files.</summary>
internal static class Engines
{
    private const int BatchBytes = 30_000_000;
    private const int BatchConnections = 64;
    private const int BatchLines = 1000;

    /// <summary>Compares single events, and batches of 1000 with keys; alternates both sides.</summary>
    /// <param name="collector">Address that receives the telemetry of both.</param>
    /// <param name="files">Address of the API with its log in files.</param>
    /// <param name="server">Connection string of a server that allows creating databases.</param>
    /// <param name="settings">Size of the measurement.</param>
    public static async Task CompareAsync(string collector, string files, string server, Settings settings)
    {
        await ScratchDatabase.UseAsync(server, async database =>
        {
            await using var api = await MeasuredServer.StartApiAsync(collector, "--EventLog:Engine=Postgres", $"--ConnectionStrings:revenuedb={database}");
            using var directory = new TempDirectory();
            var lines = directory.File("events.jsonl");
            EventLines.Write(lines, Amounts.Bytes(BatchBytes));
            foreach (var url in new[] { api.Url, files })
            {
                await Wrk.RunAsync(url, settings.Connections[0], Amounts.WarmUpSeconds);
                await Wrk.RunBatchesAsync(url, BatchConnections, Amounts.WarmUpSeconds, lines);
            }

            foreach (var connections in settings.Connections)
            {
                await CompareAsync($"POST /liveEvent, {connections} connections", settings.Runs, async url =>
                    (await Wrk.RunAsync(url, connections, settings.Seconds)).RequestsPerSecond, api.Url, files);
            }

            await CompareAsync(
                $"POST /liveEvents, {BatchLines} lines, {BatchConnections} connections", settings.Runs,
                async url => BatchLines * (await Wrk.RunBatchesAsync(url, BatchConnections, settings.Seconds, lines)).RequestsPerSecond, api.Url, files);
        });
    }

    private static async Task CompareAsync(string title, int runs, Func<string, Task<double>> measure, string postgres, string files)
    {
        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var run = 0; run < runs; run++)
        {
            ours.Add(await measure(postgres));
            theirs.Add(await measure(files));
        }

        Figures.Print(title, "events/s", "log in Postgres", ours, "log in files", theirs);
    }
}
