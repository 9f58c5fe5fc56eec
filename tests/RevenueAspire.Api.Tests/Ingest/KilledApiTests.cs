using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>Idempotency keys across kill -9 of the API.</summary>
public sealed class KilledApiTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(20) };

    private string Log => _directory.File("events");

    public void Dispose()
    {
        _http.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("/liveEvent")]
    [InlineData("/liveEvents")]
    public async Task A_written_but_unacknowledged_request_is_not_appended_again_after_a_kill(string path)
    {
        var url = Url();
        await using (var api = await StartAsync(url))
        {
            // The test reads no answer: it kills the process as soon as the record is on disk.
            using var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync("127.0.0.1", new Uri(url).Port);
            using var connection = new RawConnection(client);
            await connection.SendAsync($"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: s\r\nIdempotency-Key: k\r\nContent-Length: "
                + $"{Sample.Plain.Length}\r\n\r\n{Sample.Plain}");
            await Eventually.IsTrueAsync(() => Mark() > 0);
            await api.KillAsync();
        }

        url = Url();
        await using var again = await StartAsync(url);
        var first = await PostAsync(url, path, "k", Sample.Plain);
        var second = await PostAsync(url, path, "k", Sample.Plain);

        Assert.EndsWith(":0", first.Receipt, StringComparison.Ordinal);
        Assert.Equal(first, second);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await PostAsync(url, path, "k", Sample.Plain + " ")).Status);
        Assert.Single(DiskTests.Users(Log));
    }

    /// <summary>Two clients send each key at the same time, so at every kill some repeats are waiting for a first attempt. A client without an answer repeats
    /// its request to the next process.</summary>
    [Fact]
    public async Task Repeats_that_wait_for_a_first_attempt_at_a_kill_of_the_api_count_once()
    {
        var random = Seed.Random(nameof(Repeats_that_wait_for_a_first_attempt_at_a_kill_of_the_api_count_once));
        var receipts = new ConcurrentDictionary<string, string>();
        var keys = 0;
        for (var round = 0; round < 4; round++)
        {
            var url = Url();
            await using var api = await StartAsync(url);
            var unanswered = Enumerable.Range(0, keys).Select(number => $"k{number}").Where(key => !receipts.ContainsKey(key)).ToList();
            await Parallel.ForEachAsync(unanswered, async (key, _) => await AskAsync(url, key));
            Assert.All(unanswered, key => Assert.True(receipts.ContainsKey(key), $"{key}; {Seed.Hint}"));
            if (round == 3)
            {
                break;
            }

            var senders = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
            {
                while (await AskTwiceAsync(url, $"k{Interlocked.Increment(ref keys) - 1}"))
                {
                }
            })).ToList();
            await Task.Delay(random.Next(100, 500));
            await api.KillAsync();
            await Task.WhenAll(senders);
        }

        var users = DiskTests.Users(Log);
        Assert.True(keys > 20 && users.Count == users.Distinct().Count(), $"{users.Count} records, {users.Distinct().Count()} keys; {Seed.Hint}");
        Assert.Equal(keys, users.Count);
        Assert.Equal(keys, receipts.Values.Distinct().Count());

        async Task<bool> AskTwiceAsync(string url, string key) => (await Task.WhenAll(AskAsync(url, key), AskAsync(url, key))).All(isAnswered => isAnswered);

        async Task<bool> AskAsync(string url, string key)
        {
            try
            {
                var (status, receipt) = await PostAsync(url, "/liveEvent", key, Sample.Add(key, 1));
                Assert.Equal(HttpStatusCode.Accepted, status);
                Assert.True(receipts.GetOrAdd(key, receipt!) == receipt, $"{key} has two receipts; {Seed.Hint}");
                return true;
            }
            catch (HttpRequestException)
            {
                // The process was killed. The next process knows whether the request was written.
                return false;
            }
        }
    }

    private static string Url() => $"http://127.0.0.1:{FreePort.Next()}";

    private async Task<ServiceProcess> StartAsync(string url)
    {
        var api = ServiceProcess.Start("RevenueAspire.Api", [$"--urls={url}", $"--EventLog:Directory={Log}", "--Ingest:Secrets=s"]);
        await api.WaitForUrlAsync(url + "/alive");
        return api;
    }

    private long Mark()
    {
        using var reader = EventLogReader.Open(Log);
        return reader.ReadDurableMark();
    }

    private async Task<(HttpStatusCode Status, string? Receipt)> PostAsync(string url, string path, string key, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url + path)) { Content = ApiHost.Body(body, null) };
        request.Headers.TryAddWithoutValidation("Authorization", "s");
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        using var response = await _http.SendAsync(request);
        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        return (response.StatusCode, answer.TryGetProperty("receipt", out var receipt) ? receipt.GetString() : null);
    }
}
