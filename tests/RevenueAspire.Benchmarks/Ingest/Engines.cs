using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The API with its log in Postgres beside the API with its log in files.</summary>
internal static class Engines
{
    private const int BatchBytes = 30_000_000;
    private const int BatchConnections = 64;
    private const int BatchLines = 1000;

    /// <summary>Compares single events and batches of 1000 with keys, both sides in turn.</summary>
    /// <param name="collector">Takes the telemetry of both.</param>
    /// <param name="files">The API with its log in files.</param>
    /// <param name="server">A server on which a database may be made.</param>
    /// <param name="settings">How much.</param>
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

    private static async Task CompareAsync(string what, int runs, Func<string, Task<double>> measure, string postgres, string files)
    {
        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var run = 0; run < runs; run++)
        {
            ours.Add(await measure(postgres));
            theirs.Add(await measure(files));
        }

        Figures.Print(what, "events/s", "log in Postgres", ours, "log in files", theirs);
    }
}
