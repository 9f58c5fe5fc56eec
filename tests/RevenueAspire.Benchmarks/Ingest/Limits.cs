using System.Globalization;
using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>What a caller far above its limit costs another one.</summary>
internal static class Limits
{
    private const string FloodSecret = "flood";
    private const int FloodLimit = 100;
    private const int FloodConnections = 64;

    /// <summary>The limit of the other caller, which it does not reach: each of its events passes the limiter, too.</summary>
    private const int AmpleLimit = 10_000_000;

    /// <summary>Compares a caller's rate beside a flood with its rate alone.</summary>
    /// <param name="collector">Base address that answers exports.</param>
    /// <param name="settings">How much is measured.</param>
    public static async Task CompareAsync(string collector, Settings settings)
    {
        await using var api = await MeasuredServer.StartApiAsync(
            collector,
            "--Ingest:Secrets:flood=" + FloodSecret,
            $"--Limits:EventsPerSecond={AmpleLimit}",
            $"--Limits:Callers:flood:EventsPerSecond={FloodLimit}");
        await Wrk.RunAsync(api.Url, settings.Connections[0], Amounts.WarmUpSeconds);
        foreach (var connections in settings.Connections)
        {
            List<double> beside = [], alone = [], floods = [];
            for (var run = 0; run < settings.Runs; run++)
            {
                alone.Add((await Wrk.RunAsync(api.Url, connections, settings.Seconds)).RequestsPerSecond);
                var flood = Wrk.FloodAsync(api.Url, FloodConnections, settings.Seconds, FloodSecret);
                beside.Add((await Wrk.RunAsync(api.Url, connections, settings.Seconds)).RequestsPerSecond);
                floods.Add(await flood);
            }

            Figures.Print($"POST /liveEvent, {connections} connections", "requests/s", "beside a flood", beside, "alone", alone);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"The flood, {FloodConnections} connections, limit {FloodLimit} events/s: {Statistics.Median(floods):N0} answers/s"));
        }
    }
}
