using System.Diagnostics.Tracing;
using System.Globalization;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>Managed bytes that a server allocates per request, from its runtime's counter.</summary>
internal static class Allocations
{
    /// <summary>The counter reports its increase once per second; wait two more seconds for the last report.</summary>
    private static readonly TimeSpan CounterDelay = TimeSpan.FromSeconds(Amounts.Seconds(2));

    /// <summary>Compares the allocation per single event with bare Kestrel's allocation per request.</summary>
    public static async Task CompareAsync(MeasuredServer api, MeasuredServer bare, Settings settings)
    {
        foreach (var server in (MeasuredServer[])[api, bare])
        {
            await Wrk.RunAsync(server.Url, settings.Connections[0], Amounts.WarmUpSeconds);
        }

        var ours = new List<double>();
        var theirs = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            ours.Add(await MeasureAsync(api, settings));
            theirs.Add(await MeasureAsync(bare, settings));
        }

        Figures.Print($"POST /liveEvent, {settings.Connections[0]} connections, allocated", "B/request", "API", ours, "bare Kestrel", theirs);
    }

    private static async Task<double> MeasureAsync(MeasuredServer server, Settings settings)
    {
        var provider = new EventPipeProvider(
            "System.Runtime", EventLevel.Informational, 0, new Dictionary<string, string> { ["EventCounterIntervalSec"] = "1" });
        using var session = await new DiagnosticsClient(server.ProcessId)
            .StartEventPipeSessionAsync([provider], requestRundown: false, 16, CancellationToken.None);
        double bytes = 0;
        var counting = Task.Run(() =>
        {
            using var source = new EventPipeEventSource(session.EventStream);
            source.Dynamic.All += data =>
            {
                if (data.EventName == "EventCounters" && data.PayloadValue(0) is IDictionary<string, object> outer
                    && outer["Payload"] is IDictionary<string, object> counter && (string)counter["Name"] == "alloc-rate")
                {
                    bytes += Convert.ToDouble(counter["Increment"], CultureInfo.InvariantCulture);
                }
            };
            source.Process();
        });
        await Task.Delay(CounterDelay);
        var load = await Wrk.RunAsync(server.Url, settings.Connections[0], settings.Seconds);
        await Task.Delay(CounterDelay);
        await session.StopAsync(CancellationToken.None);
        await counting;
        return bytes / (load.RequestsPerSecond * settings.Seconds);
    }
}
