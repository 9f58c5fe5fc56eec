using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Npgsql;
using RevenueAspire.Benchmarks.Ingest;
using RevenueAspire.Testing;

namespace RevenueAspire.Benchmarks.Processor;

/// <summary>
/// Measures the time from an event's acknowledgement until it is in the table, with API, processor and Postgres as separate processes. Uses a fixed rate, and
/// the maximum rate of wrk.
/// </summary>
internal static class LiveLatency
{
    private const int Senders = 16;
    private const int ProbesPerSecond = 200;
    private const int WrkConnections = 64;

    /// <summary>Measures both loads for the given time each, and prints a line per run.</summary>
    public static async Task MeasureAsync(string database, string engine, int seconds, int runs)
    {
        await using var installation = new Installation(database)
        {
            Settings = { ["EventLog__Engine"] = engine, ["Ingest__Secrets__1"] = Wrk.Secret },
        };
        await installation.StartApiAsync();
        installation.StartProcessor();
        var url = installation.ApiUrl;
        await SendAsync(url, database, Amounts.Seconds(3), perSecond: 1000);
        for (var run = 0; run < runs; run++)
        {
            Print("1,000 events/s", await SendAsync(url, database, seconds, perSecond: 1000));
        }

        for (var run = 0; run < runs; run++)
        {
            // Add probes to the events of wrk, which keeps no receipts.
            var load = Wrk.RunAsync(url, WrkConnections, seconds + 2);
            await Task.Delay(TimeSpan.FromSeconds(1));
            var latencies = await SendAsync(url, database, seconds, ProbesPerSecond);
            Print(FormattableString.Invariant($"full load of single events ({(await load).RequestsPerSecond:N0} per second)"), latencies);
        }
    }

    private static void Print(string load, List<double> milliseconds)
    {
        milliseconds.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"acknowledged -> in the table, {load} ({milliseconds.Count:N0} events): median {milliseconds[milliseconds.Count / 2]:0.0} ms, 99 % below "
                + $"{milliseconds[milliseconds.Count * 99 / 100]:0.0} ms, all below {milliseconds[^1]:0.0} ms"));
    }

    private static async Task<List<double>> SendAsync(string url, string database, int seconds, int perSecond)
    {
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", Wrk.Secret);
        var acknowledged = new ConcurrentQueue<(long Offset, long At)>();
        using var sent = new CancellationTokenSource();
        var watching = WatchAsync(database, acknowledged, sent.Token);
        var began = Stopwatch.GetTimestamp();
        var number = 0;
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(async _ =>
        {
            while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds)
            {
                var mine = Interlocked.Increment(ref number);
                if (TimeSpan.FromSeconds((double)mine / perSecond) - Stopwatch.GetElapsedTime(began) is { Ticks: > 0 } early)
                {
                    await Task.Delay(early);
                }

                using var body = new StringContent($"{{\"userId\":\"user{mine % 100_000}\",\"name\":\"add_revenue\",\"value\":1}}", Encoding.UTF8,
                    new MediaTypeHeaderValue("application/json"));
                using var answer = await client.PostAsync(new Uri("/liveEvent", UriKind.Relative), body);
                answer.EnsureSuccessStatusCode();
                var receipt = await answer.Content.ReadAsStringAsync();
                var offset = long.Parse(receipt[(receipt.IndexOf(':', receipt.IndexOf(':', StringComparison.Ordinal) + 1) + 1)..].TrimEnd('}', '"'),
                    CultureInfo.InvariantCulture);
                acknowledged.Enqueue((offset, Stopwatch.GetTimestamp()));
            }
        }));
        await sent.CancelAsync();
        return await watching;
    }

    /// <summary>Polls the applied offset a thousand times per second. A latency can be too high by one poll.</summary>
    private static async Task<List<double>> WatchAsync(string database, ConcurrentQueue<(long Offset, long At)> acknowledged, CancellationToken sent)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(CancellationToken.None);
        await using var look = new NpgsqlCommand("select coalesce(max(applied_through), 0) from event_source", connection);
        var waiting = new List<(long Offset, long At)>();
        var latencies = new List<double>();
        while (!sent.IsCancellationRequested || waiting.Count > 0 || !acknowledged.IsEmpty)
        {
            while (acknowledged.TryDequeue(out var one))
            {
                waiting.Add(one);
            }

            long applied;
            try
            {
                applied = (long)(await look.ExecuteScalarAsync(CancellationToken.None))!;
            }
            catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                applied = 0;
            }

            var now = Stopwatch.GetTimestamp();
            waiting.RemoveAll(one =>
            {
                // A receipt names its record's first byte, so the record is applied when the ledger is past that offset.
                if (one.Offset >= applied)
                {
                    return false;
                }

                latencies.Add(Math.Max(0, Stopwatch.GetElapsedTime(one.At, now).TotalMilliseconds));
                return true;
            });
            await Task.Delay(1, CancellationToken.None);
        }

        return latencies;
    }
}
