using System.Globalization;
using System.Net;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>The memory that the process actually uses, compared with the memory that batches reserve.</summary>
public sealed class ResidentMemoryTests : IDisposable
{
    private const int BatchBytes = 4 << 20;

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>Sends the shortest possible lines, whose records need the most memory per line byte, in bodies with and without a length.</summary>
    [Fact]
    public async Task Many_concurrent_large_batches_stay_within_their_memory()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc");
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        const int MemoryBytes = 64 << 20;
        await using var api = ServiceProcess.Start(
            "RevenueAspire.Api",
            [$"--urls={url}", $"--EventLog:Directory={_directory.File("events")}", "--Ingest:Secrets=s", $"--Api:MaxBatchBytes={BatchBytes}",
                $"--Api:BatchMemoryBytes={MemoryBytes}", "--Api:BatchWait=00:00:01"]);
        await api.WaitForUrlAsync(url + "/alive");
        using var http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(60) };
        var line = Sample.Add("a", 1) + "\n";
        var body = System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(line, BatchBytes / line.Length)));

        // Warm up first: loads the code, and fills the runtime's caches.
        (await SendAsync(chunked: false)).EnsureSuccessStatusCode();
        var before = PeakBytes(api.Id);
        var statuses = (await Task.WhenAll(Enumerable.Range(0, 48).Select(number => SendAsync(chunked: number % 4 != 0)))).Select(answer => answer.StatusCode)
            .ToList();
        var grown = PeakBytes(api.Id) - before;

        Assert.All(statuses, status => Assert.True(status is HttpStatusCode.Accepted or HttpStatusCode.ServiceUnavailable, $"{status}"));
        Assert.Contains(HttpStatusCode.Accepted, statuses);

        // Allow as much again for other memory: the runtime's heap, stacks, and the buffers of 48 connections.
        Assert.InRange(grown, 0, 2L * MemoryBytes);

        async Task<HttpResponseMessage> SendAsync(bool chunked)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvents") { Content = ApiHost.Body(body, "application/jsonl") };
            request.Headers.TryAddWithoutValidation("Authorization", "s");
            request.Headers.TransferEncodingChunked = chunked;
            return await http.SendAsync(request);
        }
    }

    /// <summary>The peak memory of the process.</summary>
    private static long PeakBytes(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) << 10;
    }
}
