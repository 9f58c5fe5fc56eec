using System.Diagnostics;
using System.Globalization;
using RevenueAspire.Testing;
using static RevenueAspire.Benchmarks.Ingest.IngestComparison;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary><c>RevenueAspire.Client send</c>, whole processes with their start.</summary>
internal static class ClientRuns
{
    private const int BatchBytes = 100_000_000;

    /// <summary>Single events take a file that is sent in some seconds.</summary>
    private const int SingleBytes = 15_000_000;

    private const int Concurrency = 256;

    /// <summary>Measures batches, and single events beside what wrk gets in turn.</summary>
    public static async Task CompareAsync(string api, Settings settings)
    {
        using var directory = new TempDirectory();
        var (large, events) = Write(directory, "large.jsonl", BatchBytes);
        var (small, singles) = Write(directory, "small.jsonl", SingleBytes);
        await SendAsync(api, directory, large, "--batch", "1000");
        var batches = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            batches.Add(events / await SendAsync(api, directory, large, "--batch", "1000"));
        }

        Console.WriteLine(FormattableString.Invariant(
            $"send --batch 1000 of 100 MB: {Figures.Median(batches):N0} events/s ({batches.Min():N0} to {batches.Max():N0}), {events / Figures.Median(batches):0.00} s"));

        var ours = new List<double>();
        var wrk = new List<double>();
        for (var run = 0; run < settings.Runs; run++)
        {
            ours.Add(singles / await SendAsync(api, directory, small, "--concurrency", Concurrency.ToString(CultureInfo.InvariantCulture)));
            wrk.Add((await Wrk.RunAsync(api, Concurrency, settings.Seconds)).RequestsPerSecond);
        }

        Figures.Print($"send, single events, --concurrency {Concurrency}", "events/s", "client", ours, "wrk", wrk);
    }

    private static (string Path, int Lines) Write(TempDirectory directory, string name, int bytes)
    {
        var path = directory.File(name);
        using var file = File.Create(path);
        var lines = 0;
        foreach (var body in EventLines.Bodies(bytes, 1 << 20))
        {
            file.Write(body.Body);
            lines += body.Lines;
        }

        return (path, lines);
    }

    private static async Task<double> SendAsync(string api, TempDirectory directory, string file, params string[] options)
    {
        var started = Stopwatch.GetTimestamp();
        await using var client = await ServiceProcess.RunAsync(
            "RevenueAspire.Client", ["send", file, "--url", api, "--secret", "secret", .. options], new Dictionary<string, string?> { ["Data__Directory"] = directory.File("data") }, limit: TimeSpan.FromMinutes(2));
        return client.ExitCode == 0 ? Stopwatch.GetElapsedTime(started).TotalSeconds : throw new InvalidOperationException(client.Output);
    }
}
