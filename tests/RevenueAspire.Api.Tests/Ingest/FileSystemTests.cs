using System.Net;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>Real file systems that are full or broken, with the API as a separate process.</summary>
public sealed class FileSystemTests : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly string _url = $"http://127.0.0.1:{FreePort.Next()}";
    private readonly HttpClient _http = new() { DefaultRequestHeaders = { { "Authorization", "s" } } };
    private readonly List<string> _accepted = [];
    private Mount? _mount;
    private ServiceProcess? _api;

    private string Disk => _directory.File("disk");

    public async ValueTask DisposeAsync()
    {
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        _mount?.Dispose();
        _http.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task L7_a_full_file_system_is_503_and_events_are_accepted_once_there_is_space()
    {
        _mount = Mount.InMemory(Disk, 2 << 20);
        await StartAsync();
        await ExpectAsync(HttpStatusCode.Accepted, "/liveEvent", "first");
        Assert.Contains("tmpfs", await _http.GetStringAsync(new Uri(_url + "/health")), StringComparison.Ordinal);

        var ballast = Path.Combine(Disk, "ballast");
        Fill(ballast);
        await ExpectAsync(HttpStatusCode.ServiceUnavailable, "/liveEvents", "batch1", "batch2");
        await ExpectAsync(HttpStatusCode.ServiceUnavailable, "/liveEvent", "single");
        using (var health = await _http.GetAsync(new Uri(_url + "/health")))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        }

        // Acknowledged events are readable while the file system is full.
        Assert.Equal(_accepted, Users());

        File.Delete(ballast);
        await Eventually.IsTrueAsync(async () => await PostAsync("/liveEvents", "batch1", "batch2") == HttpStatusCode.Accepted);
        await ExpectAsync(HttpStatusCode.Accepted, "/liveEvent", "single");
        Assert.Equal(_accepted, Users());
    }

    [Fact]
    public async Task L7_a_read_only_file_system_is_503_and_events_are_accepted_once_it_is_repaired()
    {
        _mount = Mount.Ext4(Disk, _directory.File("image"));
        await StartAsync();
        await ExpectAsync(HttpStatusCode.Accepted, "/liveEvent", "first");

        _mount.Fail();
        await ExpectAsync(HttpStatusCode.ServiceUnavailable, "/liveEvent", "single");
        await ExpectAsync(HttpStatusCode.ServiceUnavailable, "/liveEvents", "batch1", "batch2");
        using (var health = await _http.GetAsync(new Uri(_url + "/health")))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        }

        Assert.False(_api!.HasExited, _api.Output);
        Assert.DoesNotMatch(@"(?m)^ +at ", _api.Output);

        _mount.Repair();
        await Eventually.IsTrueAsync(async () => await PostAsync("/liveEvents", "batch1", "batch2") == HttpStatusCode.Accepted);
        await ExpectAsync(HttpStatusCode.Accepted, "/liveEvent", "single");
        Assert.Equal(_accepted, Users());
    }

    private async Task StartAsync()
    {
        _api = ServiceProcess.Start("RevenueAspire.Api", [$"--urls={_url}", $"--EventLog:Directory={Disk}/log", "--Ingest:Secrets=s"]);
        await _api.WaitForUrlAsync(_url + "/alive");
    }

    private static void Fill(string path)
    {
        using var ballast = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        var block = new byte[4096];
        try
        {
            for (var at = 0L; ; at += block.Length)
            {
                RandomAccess.Write(ballast, block, at);
            }
        }
        catch (IOException)
        {
            // The file system is full to the last block.
        }
    }

    private async Task ExpectAsync(HttpStatusCode expected, string path, params string[] users) => Assert.Equal(expected, await PostAsync(path, users));

    /// <summary>Sends events of about 5 KB, more than the unused rest of any block. Each user's name is also the idempotency key.</summary>
    private async Task<HttpStatusCode> PostAsync(string path, params string[] users)
    {
        var lines = users.Select(user => $$"""{"userId":"{{user}}","name":"add_revenue","value":1,"note":"{{new string('x', 5000)}}"}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_url + path)) { Content = ApiHost.Body(string.Join('\n', lines), null) };
        request.Headers.TryAddWithoutValidation("Authorization", "s");
        request.Headers.TryAddWithoutValidation("Idempotency-Key", string.Concat(users));
        using var response = await _http.SendAsync(request);
        if (response.StatusCode == HttpStatusCode.Accepted)
        {
            _accepted.AddRange(users);
        }
        else
        {
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
            Assert.NotNull(response.Headers.RetryAfter?.Delta);
        }

        return response.StatusCode;
    }

    private List<string> Users() => DiskTests.Users(Path.Combine(Disk, "log"));
}
