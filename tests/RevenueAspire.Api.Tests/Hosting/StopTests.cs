using System.Net;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Hosting;

/// <summary>What a stop, polite or not, leaves behind.</summary>
public sealed class StopTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(Signal.Terminate)]
    [InlineData(Signal.Interrupt)]
    public async Task A_stop_answers_what_is_in_flight_and_exits_with_0(Signal signal)
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = Start(url);
        await process.WaitForUrlAsync(url + "/health");
        using var client = new System.Net.Sockets.TcpClient { NoDelay = true };
        await client.ConnectAsync("127.0.0.1", new Uri(url).Port);
        using var connection = new RawConnection(client);
        await connection.SendAsync($"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s\r\nContent-Length: {Sample.Plain.Length}\r\n\r\n{Sample.Plain[..10]}");
        await Task.Delay(300);

        process.Send(signal);
        await Task.Delay(300);
        Assert.False(process.HasExited);
        await connection.SendAsync(Sample.Plain[10..]);

        Assert.StartsWith("HTTP/1.1 202", await connection.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await process.WaitForExitAsync());
        using var reader = EventLogReader.Open(_directory.File("events"));
        Assert.True(reader.ReadDurableMark() > 0);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_reads_that_wait_for_the_ledger()
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = Start(url, "--Api:ReadAfterTimeout=00:05:00");
        await process.WaitForUrlAsync(url + "/health");
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        var receipt = await PostAsync(client, 1);
        var waiting = client.GetAsync(new Uri($"/userEvents/user1?after={receipt}", UriKind.Relative));
        await Task.Delay(300);

        Assert.Equal(0, await process.TerminateAsync(TimeSpan.FromSeconds(15)));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await waiting).StatusCode);
    }

    [Fact]
    public async Task What_was_acknowledged_before_a_kill_is_in_the_log_afterwards_each_once()
    {
        var random = Seed.Random(nameof(What_was_acknowledged_before_a_kill_is_in_the_log_afterwards_each_once));
        var acknowledged = new HashSet<string>();
        var sent = 0;
        for (var round = 0; round < 3; round++)
        {
            var url = $"http://127.0.0.1:{FreePort.Next()}";
            await using var process = Start(url);
            await process.WaitForUrlAsync(url + "/health");
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
                            Assert.True(acknowledged.Add(receipt), "a receipt was given twice");
                        }
                    }
                    catch (HttpRequestException)
                    {
                        return;
                    }
                }
            })).ToList();

            await Task.Delay(random.Next(200, 700));
            await process.KillAsync();
            await Task.WhenAll(senders);
        }

        await using var api = await ApiHost.StartAsync(_directory);
        foreach (var receipt in acknowledged)
        {
            (await api.GetAsync("/receipts/" + receipt)).Expect(HttpStatusCode.OK);
        }

        var values = api.Records().Select(record => record.GetProperty("value").GetInt32()).ToList();
        Assert.True(acknowledged.Count > 0);
        Assert.True(values.Count >= acknowledged.Count && values.Count == values.Distinct().Count(), $"{values.Count} records for {acknowledged.Count} receipts; {Seed.Hint}");
    }

    private ServiceProcess Start(string url, params string[] settings) =>
        ServiceProcess.Start("RevenueAspire.Api", ["--urls=" + url, "--Ingest:Secrets=s", "--EventLog:Directory=" + _directory.File("events"), .. settings]);

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
