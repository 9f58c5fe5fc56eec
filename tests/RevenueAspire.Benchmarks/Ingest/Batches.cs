using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>100 MB over <c>POST /liveEvents</c>.</summary>
internal static class Batches
{
    private const int TotalBytes = 100_000_000;
    private const int BodyBytes = 4 << 20;
    private const int Connections = 2;

    /// <summary>Enough runs for tiered compilation to finish.</summary>
    private const int WarmUpRuns = 6;

    /// <summary>Compares the time with that of an endpoint that reads and drops the bodies.</summary>
    public static async Task CompareAsync(string api, string bare, Settings settings)
    {
        var bodies = EventLines.Bodies(Amounts.Bytes(TotalBytes), BodyBytes).ToList();
        var events = bodies.Sum(body => body.Lines);
        using var disk = new DiskFloor();
        for (var run = 0; run < Amounts.Runs(WarmUpRuns); run++)
        {
            await SendAsync(api, bodies);
            await SendAsync(bare, bodies);
        }

        var ours = new List<double>();
        var theirs = new List<double>();
        var floor = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            ours.Add(await SendAsync(api, bodies));
            theirs.Add(await SendAsync(bare, bodies));
            floor.Add(disk.Append(bodies));
        }

        Figures.Print($"POST /liveEvents, {events:N0} events, 100 MB in bodies of 4 MB, {Connections} connections", "s", "API", ours,
            "Kestrel that reads and drops", theirs);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {events / Statistics.Median(ours):N0} durable events/s; the disk alone, the same bytes appended and fsynced by one thread: "
                + $"{Statistics.Median(floor):N2} s ({floor.Min():N2} to {floor.Max():N2})"));
    }

    private static async Task<double> SendAsync(string url, List<(byte[] Body, int Lines)> bodies)
    {
        using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = Connections };
        using var http = new HttpClient(handler);
        var next = -1;
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(async _ =>
        {
            for (var i = Interlocked.Increment(ref next); i < bodies.Count; i = Interlocked.Increment(ref next))
            {
                using var content = new ByteArrayContent(bodies[i].Body);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/jsonl");
                using var request = new HttpRequestMessage(HttpMethod.Post, url + "/liveEvents") { Content = content };
                request.Headers.TryAddWithoutValidation("Authorization", "secret");
                using var response = await http.SendAsync(request);
                if (response.StatusCode != HttpStatusCode.Accepted)
                {
                    throw new InvalidOperationException($"{url} answered {response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
                }
            }
        }));
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
