using System.Text;
using System.Text.Json;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Load;
using RevenueAspire.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>The load generator: its events, its counts, and the effect of a stall on its latency.</summary>
public sealed class LoadTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(0, "uniform")]
    [InlineData(25, "zipf")]
    public async Task A_load_on_the_real_api_appends_exactly_the_events_that_it_reports(int batch, string skew)
    {
        using var directory = new TempDirectory();
        await using var api = new RealApi(directory.File("data"));
        await api.StartAsync();
        string[] options = batch > 0 ? ["--batch", $"{batch}"] : [];
        string[] target = ["--url", api.Url.ToString(), "--json"];
        string[] arguments = ["load", "--users", "50", "--rate", "500", "--duration", "1s", "--skew", skew, "--seed", "7", .. target, .. options];
        await using var load = await ServiceProcess.RunAsync("RevenueAspire.Client", arguments);

        Assert.True(load.ExitCode == 0, load.Output);
        using var json = JsonDocument.Parse(Assert.Single(load.StandardOutput));
        Assert.Equal(
            [
                "exitCode", "url", "seed", "users", "skew", "rate", "durationSeconds", "concurrency", "batch",
                "sent", "accepted", "failed", "unsent", "seconds", "acceptedPerSecond", "latencyMilliseconds", "failures", "error",
            ],
            json.RootElement.EnumerateObject().Select(field => field.Name));
        Assert.Equal((500, 500, 0, 0), (Number("sent"), Number("accepted"), Number("failed"), Number("unsent")));
        var latency = json.RootElement.GetProperty("latencyMilliseconds").EnumerateObject().ToArray();
        Assert.Equal(["p50", "p90", "p99", "p99.9", "max"], latency.Select(value => value.Name));
        Assert.True(latency[0].Value.GetDouble() > 0);
        Assert.Equal(latency.Select(value => value.Value.GetDouble()).Order(), latency.Select(value => value.Value.GetDouble()));

        // The seed determines the events, independent of the order of the requests.
        var source = new LoadEvents(7, 50, skew == "zipf" ? UserSkew.Zipf : UserSkew.Uniform);
        Assert.Equal(Enumerable.Range(0, 500).Select(index => Text(source, index)).Order(), api.Records().Select(Sent).Order());

        int Number(string name) => json.RootElement.GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task A_stall_shows_in_every_request_that_was_due_during_it()
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(200);

        // On one connection, 20 requests per second are due, but only 5 are answered, so each request waits for all earlier ones. If latency were measured from
        // sending, it would be 200 ms for each request.
        Assert.Equal(
            ExitCodes.Done, await _client.RunAsync("load", "--rate", "20", "--duration", "0.5s", "--concurrency", "1", "--url", api.Url.ToString(), "--json"));

        using var json = JsonDocument.Parse(_client.Out);
        var latency = json.RootElement.GetProperty("latencyMilliseconds");
        Assert.Equal(10, json.RootElement.GetProperty("accepted").GetInt32());
        Assert.InRange(latency.GetProperty("max").GetDouble(), 10 * 200 - 500, double.MaxValue);
        Assert.InRange(latency.GetProperty("p50").GetDouble(), 5 * 200 - 250, double.MaxValue);
    }

    [Fact]
    public async Task Refused_events_are_counted_by_reason_and_exit_1()
    {
        using var directory = new TempDirectory();
        await using var api = new RealApi(directory.File("data"));
        await api.StartAsync(new Dictionary<string, string?> { ["EventTypes__add_revenue"] = "1" });

        Assert.Equal(
            ExitCodes.NotDone, await _client.RunAsync("load", "--rate", "200", "--duration", "0.5s", "--seed", "3", "--url", api.Url.ToString(), "--json"));

        using var json = JsonDocument.Parse(_client.Out);
        var root = json.RootElement;
        Assert.Equal(100, root.GetProperty("sent").GetInt32());
        Assert.Equal(api.Records().Length, root.GetProperty("accepted").GetInt32());
        Assert.Equal(100 - api.Records().Length, root.GetProperty("failed").GetInt32());
        Assert.InRange(root.GetProperty("failed").GetInt32(), 1, 99);
        Assert.StartsWith(
            $"{root.GetProperty("failed").GetInt32()} events were not accepted (rejected: ", root.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Contains(root.GetProperty("error").GetString()!, _client.Error, StringComparison.Ordinal);
        Assert.Equal(root.GetProperty("failed").GetInt32(), root.GetProperty("failures").EnumerateObject().Sum(reason => reason.Value.GetInt32()));
    }

    [Fact]
    public async Task A_wrong_secret_and_an_unavailable_api_are_reported_in_one_line()
    {
        using var directory = new TempDirectory();
        await using var api = new RealApi(directory.File("data"));
        await api.StartAsync();
        Assert.Equal(ExitCodes.NotDone, await _client.RunAsync("load", "--duration", "5s", "--secret", "wrong", "--url", api.Url.ToString()));
        Assert.Contains("refuses the secret (401)", _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Records());

        Assert.Equal(ExitCodes.NotDone, await _client.RunAsync("load", "--url", "http://127.0.0.1:1"));
        Assert.Contains("No API answers at http://127.0.0.1:1/", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stopping_a_load_prints_its_measurements()
    {
        await using var api = await FakeApi.StartAsync();
        var load = _client.RunAsync("load", "--rate", "100", "--duration", "1h", "--url", api.Url.ToString());
        await Eventually.IsTrueAsync(() => api.Records.Count > 10);
        await _client.Stop.CancelAsync();

        Assert.Equal(ExitCodes.NotDone, await load);
        Assert.Contains("Stopped.", _client.Error, StringComparison.Ordinal);
        Assert.Contains($"{api.Records.Count} accepted", _client.Out, StringComparison.Ordinal);
        Assert.Contains("p99.9", _client.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rate must be a number from 1 to", "load", "--rate", "0")]
    [InlineData("--duration must be a time", "load", "--duration", "soon")]
    [InlineData("--duration must be a time", "load", "--duration", "25h")]
    [InlineData("pareto", "load", "--skew", "pareto")]
    public async Task Wrong_usage_exits_2(string message, params string[] arguments)
    {
        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync(arguments));
        Assert.Contains(message, _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Percentiles_are_those_of_the_sorted_values_within_a_thousandth()
    {
        var random = Seed.Random(nameof(Percentiles_are_those_of_the_sorted_values_within_a_thousandth));
        var histogram = new LatencyHistogram();
        var values = Enumerable.Range(0, 20_000).Select(_ => (long)Math.Exp(random.NextDouble() * 20)).Order().ToArray();
        foreach (var value in values)
        {
            histogram.Record(TimeSpan.FromMicroseconds(value));
        }

        Assert.Equal(values.Length, histogram.Count);
        foreach (var percent in (double[])[0, 1, 50, 90, 99, 99.9, 100])
        {
            var exact = values[Math.Max(0, (int)Math.Ceiling(values.Length * percent / 100) - 1)];
            var measured = histogram.Percentile(percent).TotalMicroseconds;
            Assert.True(measured >= exact && measured <= exact * 1.001 + 1, $"p{percent}: {measured} for {exact}. {Seed.Hint}");
        }
    }

    [Fact]
    public void Zipf_gives_the_nth_user_1_nth_of_the_events_of_the_first()
    {
        const int Users = 20;
        const int Events = 200_000;
        var source = new LoadEvents(1, Users, UserSkew.Zipf);
        var counts = new int[Users + 1];
        for (var index = 0; index < Events; index++)
        {
            using var json = JsonDocument.Parse(Text(source, index));
            counts[int.Parse(json.RootElement.GetProperty("userId").GetString()!["load-".Length..], null)]++;
        }

        var first = Events / Enumerable.Range(1, Users).Sum(rank => 1.0 / rank);
        for (var rank = 1; rank <= Users; rank++)
        {
            // The limit is five standard deviations; the seed is fixed.
            var expected = first / rank;
            Assert.InRange(counts[rank], expected - (5 * Math.Sqrt(expected)), expected + (5 * Math.Sqrt(expected)));
        }
    }

    private static string Text(LoadEvents source, long index)
    {
        var buffer = new byte[LoadEvents.MaxEventBytes];
        return Encoding.UTF8.GetString(buffer, 0, source.Write(index, buffer));
    }

    /// <summary>Removes the server's fields from a record. Single events and the last event of a batch have them.</summary>
    private static string Sent(string record) =>
        record.IndexOf(",\"timestamp\"", StringComparison.Ordinal) is >= 0 and var added ? record[..added] + "}" : record;
}
