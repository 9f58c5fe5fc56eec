using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>Single events, driven by wrk.</summary>
internal static class SingleEvents
{
    private const int NodeConnections = 64;

    /// <summary>Compares requests a second with bare Kestrel.</summary>
    public static async Task CompareAsync(string api, string bare, Settings settings)
    {
        await Wrk.RunAsync(api, settings.Connections[0], Amounts.WarmUpSeconds);
        await Wrk.RunAsync(bare, settings.Connections[0], Amounts.WarmUpSeconds);
        foreach (var connections in settings.Connections)
        {
            var (ours, theirs) = await InTurnAsync(api, bare, connections, settings);
            Figures.Print($"POST /liveEvent, {connections} connections", "requests/s", "API", ours, "bare Kestrel", theirs);
        }
    }

    /// <summary>Compares a Node server with bare Kestrel, both without fsync.</summary>
    public static async Task CompareNodeAsync(string bare, Settings settings)
    {
        await using var node = await MeasuredServer.StartNodeAsync();
        if (node is null)
        {
            Console.WriteLine("POST /liveEvent, Node: there is no node here");
            return;
        }

        await Wrk.RunAsync(node.Url, NodeConnections, Amounts.WarmUpSeconds);
        var (theirs, ours) = await InTurnAsync(node.Url, bare, NodeConnections, settings);
        Figures.Print($"POST /liveEvent, {NodeConnections} connections", "requests/s", "Node, append without fsync", theirs, "bare Kestrel", ours);
    }

    /// <summary>Measures the 99th percentile at about half of what the API takes at most.</summary>
    public static async Task MeasureLatencyAsync(string api, Settings settings)
    {
        var connections = settings.Connections[0];
        await Wrk.RunAsync(api, connections, Amounts.WarmUpSeconds);
        var most = (await Wrk.RunAsync(api, connections, settings.Seconds)).RequestsPerSecond;

        // Each connection sends one request in so many milliseconds; the time until its answer is small beside that.
        var wait = (int)Math.Round(connections / (most / 2) * 1000);
        var runs = new List<WrkResult>();
        for (var run = 0; run < settings.Runs; run++)
        {
            runs.Add(await Wrk.RunAsync(api, connections, settings.Seconds, wait));
        }

        Console.WriteLine(FormattableString.Invariant(
            $"Latency at half load, {connections} connections: 99 % below {Figures.Median(runs.Select(run => run.P99.TotalMilliseconds)):0.00} ms ({runs.Min(run => run.P99.TotalMilliseconds):0.00} to {runs.Max(run => run.P99.TotalMilliseconds):0.00}) at {Figures.Median(runs.Select(run => run.RequestsPerSecond)):N0} of {most:N0} requests/s"));
    }

    private static async Task<(List<double> First, List<double> Second)> InTurnAsync(string first, string second, int connections, Settings settings)
    {
        var firsts = new List<double>();
        var seconds = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            firsts.Add((await Wrk.RunAsync(first, connections, settings.Seconds)).RequestsPerSecond);
            seconds.Add((await Wrk.RunAsync(second, connections, settings.Seconds)).RequestsPerSecond);
        }

        return (firsts, seconds);
    }
}
