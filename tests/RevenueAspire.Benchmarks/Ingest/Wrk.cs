using System.Globalization;
using System.Text.RegularExpressions;
using CliWrap;
using CliWrap.Buffered;

namespace RevenueAspire.Benchmarks.Ingest;

/// <summary>The result of one wrk run.</summary>
/// <param name="RequestsPerSecond">Answers per second.</param>
/// <param name="P99">99th percentile of the latency.</param>
internal sealed record WrkResult(double RequestsPerSecond, TimeSpan P99);

/// <summary>Sends load to a server with wrk: one thread, keep-alive connections, no pipelining.</summary>
internal static partial class Wrk
{
    /// <summary>The secret of the scripts' requests.</summary>
    public const string Secret = "secret";

    /// <summary>wrk's timeout: a slower answer fails the run, and a faster one counts as latency.</summary>
    private const string Patience = "30s";

    /// <summary>Runs wrk once.</summary>
    /// <param name="url">The server.</param>
    /// <param name="connections">Number of open connections.</param>
    /// <param name="seconds">Duration in seconds.</param>
    /// <param name="waitMilliseconds">Pause of a connection before each request, not part of the latency.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">wrk is not installed.</exception>
    /// <exception cref="InvalidOperationException">The server gave an answer other than 2xx.</exception>
    public static Task<WrkResult> RunAsync(string url, int connections, int seconds, int waitMilliseconds = 0) => waitMilliseconds == 0
        ? RunWithAsync(url, connections, seconds, Secret)
        : RunAsync(url, connections, seconds, "paced.lua", waitMilliseconds.ToString(CultureInfo.InvariantCulture));

    /// <summary>Runs wrk once with another Authorization header.</summary>
    /// <inheritdoc cref="RunAsync(string, int, int, int)"/>
    public static Task<WrkResult> RunWithAsync(string url, int connections, int seconds, string authorization) =>
        RunAsync(url, connections, seconds, "post.lua", authorization);

    /// <summary>Runs wrk once with batches of 1000 lines from a file, each with a new key.</summary>
    /// <inheritdoc cref="RunAsync(string, int, int, int)"/>
    public static Task<WrkResult> RunBatchesAsync(string url, int connections, int seconds, string file) =>
        RunAsync(url, connections, seconds, "batch.lua", file, Guid.NewGuid().ToString("N"));

    /// <summary>Sends single events with another secret, and accepts any answer.</summary>
    /// <returns>Answers per second.</returns>
    public static async Task<double> FloodAsync(string url, int connections, int seconds, string secret)
    {
        var run = await StartAsync(url, connections, seconds, "flood.lua", secret);
        return run.IsSuccess ? RateOf(run) : throw new InvalidOperationException($"wrk against {url}: {run.StandardOutput}");
    }

    private static async Task<WrkResult> RunAsync(string url, int connections, int seconds, string script, params string[] arguments)
    {
        var run = await StartAsync(url, connections, seconds, script, arguments);
        var output = run.StandardOutput;
        if (!run.IsSuccess || output.Contains("Non-2xx", StringComparison.Ordinal) || output.Contains("Socket errors", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"wrk against {url}: {output}");
        }

        var p99 = P99().Match(output);
        var unit = p99.Groups[2].Value switch { "us" => 0.001, "ms" => 1, _ => 1000.0 };
        return new WrkResult(RateOf(run), TimeSpan.FromMilliseconds(double.Parse(p99.Groups[1].Value, CultureInfo.InvariantCulture) * unit));
    }

    private static async Task<BufferedCommandResult> StartAsync(string url, int connections, int seconds, string script, params string[] arguments)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "Ingest", script);
        string[] load = ["-t1", $"-c{Amounts.Connections(connections)}", $"-d{Amounts.Seconds(seconds)}s", "--timeout", Patience, "--latency"];
        return await Cli.Wrap("wrk").WithArguments([.. load, "-s", path, url, "--", .. arguments]).WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync();
    }

    private static double RateOf(BufferedCommandResult run) => double.Parse(Rate().Match(run.StandardOutput).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"99%\s+([\d.]+)(us|ms|s)")]
    private static partial Regex P99();
}
