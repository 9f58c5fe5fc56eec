using System.Diagnostics;
using System.Net;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>The answers to clients during a disk error.</summary>
public sealed class DiskTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task L7_a_full_disk_is_503_without_partial_writes_and_events_are_accepted_once_there_is_room()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux can limit the file size of another process");
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        var log = _directory.File("events");
        await using var api = ServiceProcess.Start("RevenueAspire.Api", [$"--urls={url}", $"--EventLog:Directory={log}", "--Ingest:Secrets=s"]);
        await api.WaitForUrlAsync(url + "/alive");
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        var users = new List<string>();
        await PostAsync("first", HttpStatusCode.Accepted);

        // With this limit, only one of these events fits.
        await LimitFileSizeAsync(api.Id, "100000");
        var status = HttpStatusCode.Accepted;
        for (var i = 0; i < 3 && status == HttpStatusCode.Accepted; i++)
        {
            using var response = await SendAsync("/liveEvent", Large($"large{i}"), $"key{i}");
            if ((status = response.StatusCode) == HttpStatusCode.Accepted)
            {
                users.Add($"large{i}");
                continue;
            }

            Assert.Equal((HttpStatusCode.ServiceUnavailable, "application/problem+json"),
                (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
            Assert.NotNull(response.Headers.RetryAfter?.Delta);
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        using (var batch = await SendAsync("/liveEvents", Large("batch1") + "\n" + Large("batch2"), "batch"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, batch.StatusCode);
        }

        using (var health = await http.GetAsync(new Uri(url + "/health")))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        }

        Assert.Equal(users, Users(log));

        await LimitFileSizeAsync(api.Id, "unlimited");
        await Eventually.IsTrueAsync(async () =>
        {
            using var response = await SendAsync("/liveEvents", Large("batch1") + "\n" + Large("batch2"), "batch");
            return response.StatusCode == HttpStatusCode.Accepted;
        });
        users.AddRange(["batch1", "batch2"]);
        await PostAsync("last", HttpStatusCode.Accepted);
        Assert.Equal(users, Users(log));
        Assert.False(api.HasExited);

        // A full disk is not a bug, so the log has single lines without stack traces.
        Assert.Contains("the disk failed", api.Output, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"(?m)^ +at ", api.Output);

        async Task PostAsync(string user, HttpStatusCode expected)
        {
            using var response = await SendAsync("/liveEvent", Sample.Add(user, 1), user);
            Assert.Equal(expected, response.StatusCode);
            users.Add(user);
        }

        async Task<HttpResponseMessage> SendAsync(string path, string body, string key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url + path)) { Content = ApiHost.Body(body, null) };
            request.Headers.TryAddWithoutValidation("Authorization", "s");
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
            return await http.SendAsync(request);
        }
    }

    [Fact]
    public async Task L7_a_moved_folder_is_503_and_events_are_accepted_once_it_is_back()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        (await api.PostEventAsync(Sample.Add("a", 1))).Expect(HttpStatusCode.Accepted);
        Directory.Move(api.LogDirectory, api.LogDirectory + ".moved");

        // Until the API notices the move, it appends to the open file, which still belongs to the log.
        await Eventually.IsTrueAsync(async () => (await api.PostEventAsync(Sample.Add("b", 1), ("Idempotency-Key", Guid.NewGuid().ToString()))).Status == 503);
        (await api.PostEventAsync(Sample.Add("c", 1))).ExpectProblem(503, null);
        (await api.GetAsync("/health")).Expect(HttpStatusCode.ServiceUnavailable);

        Directory.Move(api.LogDirectory + ".moved", api.LogDirectory);
        await Eventually.IsTrueAsync(async () => (await api.PostEventAsync(Sample.Add("d", 1), ("Idempotency-Key", "d"))).Status == 202);
        Assert.Single(api.Records(), record => record.GetProperty("userId").GetString() == "d");
        Assert.DoesNotContain(api.Records(), record => record.GetProperty("userId").GetString() == "c");
    }

    private static string Large(string user) => $$"""{"userId":"{{user}}","name":"add_revenue","value":1,"note":"{{new string('x', 60_000)}}"}""";

    internal static List<string> Users(string log)
    {
        using var reader = EventLog.EventLogReader.Open(log);
        var bytes = new byte[reader.ReadDurableMark()];
        var count = 0;
        while (count < bytes.Length)
        {
            count += reader.Read(count, bytes.AsSpan(count)).Count;
        }

        return [.. System.Text.Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("userId").GetString()!)];
    }

    private static async Task LimitFileSizeAsync(int process, string limit)
    {
        using var prlimit = Process.Start("prlimit", ["--pid", $"{process}", $"--fsize={limit}:unlimited"]);
        await prlimit.WaitForExitAsync();
        Assert.Equal(0, prlimit.ExitCode);
    }
}
