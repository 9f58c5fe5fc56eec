using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary><c>RevenueAspire.Client send</c> as whole processes, including their start.</summary>
internal static partial class ClientRuns
{
    private const int BatchBytes = 100_000_000;

    /// <summary>Size of the file for single events, which takes some seconds to send.</summary>
    private const int SingleBytes = 15_000_000;

    private const int Concurrency = 256;

    private const int BatchLines = 1000;

    /// <summary>The client's default concurrency for batches.</summary>
    private const int BatchConnections = 64;

    /// <summary>
    /// Measures batches and single events, alternating with wrk on the same API and bodies. Measures batches again with one core for the API and one for the
    /// sender.
    /// </summary>
    public static async Task CompareAsync(MeasuredServer server, Settings settings)
    {
        var api = server.Url;
        using var directory = new TempDirectory();
        var (large, small) = (directory.File("large.jsonl"), directory.File("small.jsonl"));
        var events = EventLines.Write(large, Amounts.Bytes(BatchBytes));
        var singles = EventLines.Write(small, Amounts.Bytes(SingleBytes));
        string[] batchOptions = ["--batch", BatchLines.ToString(CultureInfo.InvariantCulture)];
        string[] singleOptions = ["--concurrency", Concurrency.ToString(CultureInfo.InvariantCulture)];
        await SendAsync(api, directory, large, batchOptions);
        await CompareAsync(
            $"send --batch {BatchLines} of 100 MB",
            events,
            () => SendAsync(api, directory, large, batchOptions),
            async () => BatchLines * (await Wrk.RunBatchesAsync(api, BatchConnections, 2, large)).RequestsPerSecond,
            settings);

        using (var cores = OneCoreEach.Take(server.ProcessId))
        {
            if (cores is not null)
            {
                await FindBottleneckAsync(cores, events, settings, () => SendAsync(api, directory, large, batchOptions), () =>
                    Wrk.RunBatchesAsync(api, BatchConnections, 2, large));
            }
        }

        await SendAsync(api, directory, small, singleOptions);
        await CompareAsync(
            $"send, single events, --concurrency {Concurrency}",
            singles,
            () => SendAsync(api, directory, small, singleOptions),
            async () => (await Wrk.RunAsync(api, Concurrency, settings.Seconds)).RequestsPerSecond,
            settings);
    }

    /// <summary>Prints the client's rate twice: as the client measures it, from the first file on, and for the whole process including its start.</summary>
    private static async Task CompareAsync(string title, int events, Func<Task<(double Run, double Process)>> send, Func<Task<double>> wrk, Settings settings)
    {
        var runs = new List<double>();
        var processes = new List<double>();
        var theirs = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            var (perSecond, process) = await send();
            runs.Add(perSecond);
            processes.Add(events / process);
            theirs.Add(await wrk());
        }

        Figures.Print(title, "events/s", "client", runs, "wrk", theirs);
        Figures.Print(title + ", with the start of the process", "events/s", "client", processes, "wrk", theirs);
    }

    /// <summary>Shows whether the API is the bottleneck: then its core is busy, and the client is as fast as wrk.</summary>
    private static async Task FindBottleneckAsync(OneCoreEach cores, int events, Settings settings, Func<Task<(double Run, double Process)>> send,
        Func<Task<WrkResult>> wrk)
    {
        var clients = new List<double>();
        var theirs = new List<double>();
        var busy = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            var before = cores.ApiTime;
            var (perSecond, _) = await send();
            clients.Add(perSecond);
            busy.Add((cores.ApiTime - before).TotalSeconds / (events / perSecond));
            theirs.Add(BatchLines * (await wrk()).RequestsPerSecond);
        }

        Figures.Print($"send --batch {BatchLines} of 100 MB, a core for the API and one for the sender", "events/s", "client", clients, "wrk", theirs);
        Console.WriteLine(FormattableString.Invariant(
            $"  the API's core was busy for {Statistics.Median(busy):P0} ({busy.Min():P0} to {busy.Max():P0}) of the time that the client was sending"));
    }

    private static async Task<(double Run, double Process)> SendAsync(string api, TempDirectory directory, string file, params string[] options)
    {
        var started = Stopwatch.GetTimestamp();
        await using var client = await ServiceProcess.RunAsync(
            "RevenueAspire.Client", ["send", file, "--url", api, "--secret", "secret", .. options],
                new Dictionary<string, string?> { ["Data__Directory"] = directory.File("data") }, limit: TimeSpan.FromMinutes(2));
        var process = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return client.ExitCode == 0 ? (double.Parse(Rate().Match(client.Output).Groups[1].Value, CultureInfo.InvariantCulture), process)
            : throw new InvalidOperationException(client.Output);
    }

    /// <summary>The rate in the last line of a send.</summary>
    [GeneratedRegex(@" s \(([\d,]+) lines/s\)")]
    private static partial Regex Rate();
}
