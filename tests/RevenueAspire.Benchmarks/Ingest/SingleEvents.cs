using System.Globalization;
using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>Single events, sent by wrk.</summary>
internal static class SingleEvents
{
    private const int NodeConnections = 64;

    /// <summary>Compares requests per second with bare Kestrel and, if given, with another build of the API.</summary>
    public static async Task CompareAsync(string api, string bare, string? rival, Settings settings)
    {
        string[] servers = rival is null ? [api, bare] : [api, bare, rival];
        foreach (var server in servers)
        {
            await Wrk.RunAsync(server, settings.Connections[0], Amounts.WarmUpSeconds);
        }

        foreach (var connections in settings.Connections)
        {
            var rates = await InTurnAsync(servers, connections, settings);
            Figures.Print($"POST /liveEvent, {connections} connections", "requests/s", "API", rates[0], "bare Kestrel", rates[1]);
            if (rival is not null)
            {
                Figures.Print($"POST /liveEvent, {connections} connections", "requests/s", "rival", rates[2], "bare Kestrel", rates[1]);
                Figures.Print($"POST /liveEvent, {connections} connections", "requests/s", "API", rates[0], "rival", rates[2]);
            }
        }
    }

    /// <summary>Compares a Node server with bare Kestrel, both without fsync.</summary>
    public static async Task CompareNodeAsync(string bare, Settings settings)
    {
        await using var node = await MeasuredServer.StartNodeAsync();
        if (node is null)
        {
            Console.WriteLine("POST /liveEvent, Node: node is not installed");
            return;
        }

        await Wrk.RunAsync(node.Url, NodeConnections, Amounts.WarmUpSeconds);
        var rates = await InTurnAsync([node.Url, bare], NodeConnections, settings);
        Figures.Print($"POST /liveEvent, {NodeConnections} connections", "requests/s", "Node, append without fsync", rates[0], "bare Kestrel", rates[1]);
    }

    /// <summary>Measures the 99th percentile of the latency at about half of the API's maximum load.</summary>
    public static async Task MeasureLatencyAsync(string api, Settings settings)
    {
        var connections = settings.Connections[0];
        await Wrk.RunAsync(api, connections, Amounts.WarmUpSeconds);
        var most = (await Wrk.RunAsync(api, connections, settings.Seconds)).RequestsPerSecond;

        // Each connection sends about one request per wait, because an answer's latency is small compared with the wait.
        var wait = (int)Math.Round(connections / (most / 2) * 1000);
        var runs = new List<WrkResult>();
        for (var run = 0; run < settings.Runs; run++)
        {
            runs.Add(await Wrk.RunAsync(api, connections, settings.Seconds, wait));
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Latency at half load, {connections} connections: 99 % below {Statistics.Median(runs.Select(run => run.P99.TotalMilliseconds)):0.00} ms "
                + $"({runs.Min(run => run.P99.TotalMilliseconds):0.00} to {runs.Max(run => run.P99.TotalMilliseconds):0.00}) at "
                + $"{Statistics.Median(runs.Select(run => run.RequestsPerSecond)):N0} of {most:N0} requests/s"));
    }

    private static async Task<List<double>[]> InTurnAsync(string[] servers, int connections, Settings settings)
    {
        var rates = Array.ConvertAll(servers, _ => new List<double>());
        for (var run = 0; run < settings.Runs; run++)
        {
            for (var server = 0; server < servers.Length; server++)
            {
                rates[server].Add((await Wrk.RunAsync(servers[server], connections, settings.Seconds)).RequestsPerSecond);
            }
        }

        return rates;
    }
}
