using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using RevenueAspire.Client.Credentials;
using RevenueAspire.Client.Http;
using RevenueAspire.Client.Load;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary><c>load</c>: sends events to the API at a fixed rate, and prints the measurements.</summary>
internal sealed class LoadCommand(LoadArguments arguments, ClientOptions options, ApiTarget api, Terminal terminal, TimeProvider time)
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(3);

    private readonly ApiConnection _api = new(
        api.Http, api.Url, CredentialSettings.Create(options, arguments.Secret, arguments.TokenFile, time));

    private readonly int _seed = arguments.Seed ?? RandomNumberGenerator.GetInt32(int.MaxValue);

    /// <summary>Runs the command.</summary>
    /// <returns>0 if every event was accepted, else 1.</returns>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        var plan = new LoadPlan(
            new LoadEvents(_seed, arguments.Users, arguments.Skew),
            arguments.Rate,
            arguments.Duration,
            arguments.Batch,
            arguments.Concurrency ?? options.Concurrency,
            TimeSpan.FromSeconds(options.RequestTimeoutSeconds));
        var run = new LoadRun(_api, plan);
        string? error = null;
        try
        {
            await LogStateQuery.WaitAsync(_api, Waiting(plan), new SendDisplay(terminal, time), time, stop);
            terminal.Report(Describe(plan));
            await ShowAsync(run, run.RunAsync(stop));
            error = stop.IsCancellationRequested ? "Stopped." : Shortfall(run);
        }
        catch (SendException failure)
        {
            error = failure.Message;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            error = "Stopped.";
        }

        if (error is not null)
        {
            terminal.Report(error);
        }

        var code = error is null ? ExitCodes.Done : ExitCodes.NotDone;
        Print(plan, run, code, error);
        return code;
    }

    /// <summary>Returns why a load failed although it was not interrupted, or null.</summary>
    private static string? Shortfall(LoadRun run)
    {
        var failed = run.Sent - run.Accepted;
        if (failed == 0 && run.Unsent == 0)
        {
            return null;
        }

        var reason = failed == 0 ? "" : $" ({run.Failures.MaxBy(failure => failure.Value).Key})";
        return string.Create(CultureInfo.InvariantCulture, $"{failed:N0} events were not accepted{reason}, and {run.Unsent:N0} were due but not sent.");
    }

    private static SendSettings Waiting(LoadPlan plan) => new()
    {
        Concurrency = 1, // A load sends no keys, so the smallest key window of the API is enough.
        RequestTimeout = plan.RequestTimeout,
        GiveUpAfter = TimeSpan.FromSeconds(2),
        StartPatience = TimeSpan.FromSeconds(2),
    };

    private string Describe(LoadPlan plan) => string.Create(
        CultureInfo.InvariantCulture,
        $"seed {_seed}: {arguments.Users:N0} users ({Skew}), {plan.Rate:N0} events/s for "
        + $"{plan.Duration.TotalSeconds:0.###} s, {(plan.Batch == 0 ? "single" : $"{plan.Batch} per request")}, at most {plan.Concurrency} requests in flight, "
        + $"to {_api.Url}");

    private async Task ShowAsync(LoadRun run, Task work)
    {
        var start = time.GetTimestamp();
        while (await Task.WhenAny(work, Task.Delay(LineInterval, time)) != work && GuardedConsole.CanReport)
        {
            var left = arguments.Duration - time.GetElapsedTime(start);
            terminal.Report(string.Create(
                CultureInfo.InvariantCulture,
                $"{run.Sent:N0} events sent, {run.Accepted:N0} accepted, {run.Accepted / time.GetElapsedTime(start).TotalSeconds:N0} events/s, "
                + $"p99 {Milliseconds(run.Latency.Percentile(99))} ms{TimeLeft.Format(Math.Max(0, left.TotalSeconds))}"));
        }

        await work;
    }

    private void Print(LoadPlan plan, LoadRun run, int code, string? error)
    {
        var seconds = Math.Max(run.Elapsed.TotalSeconds, 0.001);
        var latency = new LoadLatency(Value(50), Value(90), Value(99), Value(99.9), Value(100));
        var rate = Math.Round(run.Accepted / seconds, 1);
        if (arguments.Json)
        {
            var result = new LoadResult(
                code, _api.Url.ToString(), _seed, arguments.Users, Skew, plan.Rate, plan.Duration.TotalSeconds, plan.Concurrency, plan.Batch,
                run.Sent, run.Accepted, run.Sent - run.Accepted, run.Unsent, Math.Round(seconds, 3), rate, latency, run.Failures, error);
            terminal.Print(JsonSerializer.Serialize(result, ResultJson.Relaxed.LoadResult));
            return;
        }

        if (run.Sent + run.Unsent == 0)
        {
            return;
        }

        terminal.Print(string.Create(
            CultureInfo.InvariantCulture,
            $"latency in ms, measured from the moment each request was due: p50 {latency.P50}, p90 {latency.P90}, p99 {latency.P99}, p99.9 {latency.P999}, "
            + $"max {latency.Max}"));
        foreach (var (reason, events) in run.Failures.OrderByDescending(failure => failure.Value))
        {
            terminal.Print(string.Create(CultureInfo.InvariantCulture, $"  {events:N0} failed: {reason}"));
        }

        terminal.Print(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Sent:N0} events sent, {run.Accepted:N0} accepted, {run.Sent - run.Accepted:N0} failed, {run.Unsent:N0} due but not sent, "
            + $"in {seconds:0.0} s ({rate:N0} accepted per second)"));

        double Value(double percent) => Round(run.Latency.Percentile(percent));
    }

    private string Skew => arguments.Skew == UserSkew.Zipf ? "zipf" : "uniform";

    private static double Round(TimeSpan duration) => Math.Round(duration.TotalMilliseconds, 3);

    private static string Milliseconds(TimeSpan duration) => duration.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture);
}

/// <summary>Latencies in milliseconds.</summary>
internal sealed record LoadLatency(double P50, double P90, double P99, [property: JsonPropertyName("p99.9")] double P999, double Max);

/// <summary>The JSON of <c>load --json</c>; all counts are events. The project's README lists the fields. Fields may be added, but none is removed.</summary>
internal sealed record LoadResult(
    int ExitCode, string Url, int Seed, int Users, string Skew, int Rate, double DurationSeconds, int Concurrency, int Batch,
    long Sent, long Accepted, long Failed, long Unsent, double Seconds, double AcceptedPerSecond,
    LoadLatency LatencyMilliseconds, IReadOnlyDictionary<string, long> Failures, string? Error);
