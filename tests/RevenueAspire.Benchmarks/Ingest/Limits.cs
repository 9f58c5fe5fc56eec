using System.Globalization;
using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The cost to a caller when another caller far exceeds its limit.</summary>
internal static class Limits
{
    private const string FloodSecret = "flood";
    private const int FloodLimit = 100;
    private const int FloodConnections = 64;

    /// <summary>The measured caller's limit. The caller cannot reach it, but its events pass the limiter too.</summary>
    private const int AmpleLimit = 10_000_000;

    /// <summary>Compares a caller's rate during a flood with its rate alone.</summary>
    /// <param name="collector">Base address that accepts telemetry exports.</param>
    /// <param name="settings">Size of the measurement.</param>
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
