using System.Net;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Hosting;

/// <summary>The state after a graceful stop or a kill, with either engine of the log.</summary>
public abstract class StopTests : IDisposable
{
    private readonly LogPlace _place;

    private protected StopTests(LogEngine engine) => _place = new LogPlace(engine);

    public void Dispose()
    {
        _place.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(Signal.Terminate)]
    [InlineData(Signal.Interrupt)]
    [InlineData(Signal.Hangup)]
    public async Task A_stop_answers_the_requests_in_flight_and_exits_with_0(Signal signal)
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = await StartAsync(url);
        using var client = new System.Net.Sockets.TcpClient { NoDelay = true };
        await client.ConnectAsync("127.0.0.1", new Uri(url).Port);
        using var connection = new RawConnection(client);
        await connection.SendAsync("POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s\r\nContent-Length: "
            + $"{Sample.Plain.Length}\r\n\r\n{Sample.Plain[..10]}");
        await Task.Delay(300);

        process.Send(signal);
        await Task.Delay(300);
        Assert.False(process.HasExited);
        await connection.SendAsync(Sample.Plain[10..]);

        Assert.StartsWith("HTTP/1.1 202", await connection.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await process.WaitForExitAsync());
        await using var api = await _place.StartAsync();
        Assert.Single(api.Records());
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_reads_that_wait_for_the_ledger()
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = await StartAsync(url, "--Api:ReadAfterTimeout=00:05:00");
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        var receipt = await PostAsync(client, 1);
        var waiting = client.GetAsync(new Uri($"/userEvents/user1?after={receipt}", UriKind.Relative));
        await Task.Delay(300);

        Assert.Equal(0, await process.TerminateAsync(TimeSpan.FromSeconds(15)));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await waiting).StatusCode);
    }

    [Fact]
    public async Task Each_event_acknowledged_before_a_kill_is_in_the_log_exactly_once()
    {
        var random = Seed.Random(nameof(Each_event_acknowledged_before_a_kill_is_in_the_log_exactly_once));
        var acknowledged = new HashSet<string>();
        var sent = 0;
        int Count()
        {
            lock (acknowledged)
            {
                return acknowledged.Count;
            }
        }

        for (var round = 0; round < 3; round++)
        {
            var url = $"http://127.0.0.1:{FreePort.Next()}";
            await using var process = await StartAsync(url);
            using var client = new HttpClient { BaseAddress = new Uri(url) };
            using var stop = new CancellationTokenSource();
            var senders = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
            {
                while (true)
                {
                    try
                    {
                        var receipt = await PostAsync(client, Interlocked.Increment(ref sent));
                        lock (acknowledged)
                        {
                            Assert.True(acknowledged.Add(receipt), "two events have the same receipt");
                        }
                    }
                    catch (HttpRequestException)
                    {
                        return;
                    }
                }
            })).ToList();

            // On a busy machine, it takes longer until events are acknowledged.
            var before = Count();
            await Eventually.IsTrueAsync(() => Count() > before);
            await Task.Delay(random.Next(100, 600));
            await process.KillAsync();
            await Task.WhenAll(senders);
        }

        await using var api = await _place.StartAsync();
        await Parallel.ForEachAsync(acknowledged, async (receipt, _) => (await api.GetAsync("/receipts/" + receipt)).Expect(HttpStatusCode.OK));

        var values = api.Records().Select(record => record.GetProperty("value").GetInt32()).ToList();
        Assert.True(acknowledged.Count > 0);
        Assert.True(values.Count >= acknowledged.Count && values.Count == values.Distinct().Count(),
            $"{values.Count} records for {acknowledged.Count} receipts; {Seed.Hint}");
    }

    private async Task<ServiceProcess> StartAsync(string url, params string[] settings)
    {
        var process = await _place.StartProcessAsync(url, settings);
        try
        {
            // The health check succeeds, so the API accepts events.
            await process.WaitForUrlAsync(url + "/health");
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    private static async Task<string> PostAsync(HttpClient client, int value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvent") { Content = ApiHost.Body(Sample.Add("user1", value), "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "s");
        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, body);
        return System.Text.Json.JsonDocument.Parse(body).RootElement.GetProperty("receipt").GetString()!;
    }
}

public sealed class StopInFilesTests() : StopTests(LogEngine.File);

public sealed class StopInPostgresTests() : StopTests(LogEngine.Postgres);
