using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Hostile;

/// <summary>More connections than the process has descriptors (<c>ulimit -n</c>).</summary>
public sealed class DescriptorTests(ITestOutputHelper output) : IDisposable
{
    private const int Limit = 350;

    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(3);

    /// <summary>Maximum processor time. A busy loop would use nearly all of the time; compilation and other work use less.</summary>
    private static readonly TimeSpan MaxUsed = Watched * 0.75;

    private readonly LogPlace _place = new(LogEngine.File);
    private readonly List<TcpClient> _flood = [];

    public void Dispose()
    {
        CloseFlood();
        _place.Dispose();
    }

    [Fact]
    public async Task Connections_stay_below_the_limit_and_the_log_continues_and_all_recovers()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs prlimit");
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = await _place.StartProcessAsync(
            url, $"--EventLog:SegmentBytes={1 << 16}", $"--ConnectionStrings:revenuedb={await TestPostgres.CreateDatabaseAsync()}");
        await process.WaitForUrlAsync(url + "/health");
        await Eventually.IsTrueAsync(async () =>
            (await process.WaitForUrlAsync(url + "/health")).Contains("\"database\":{\"status\":\"Healthy\"", StringComparison.Ordinal));
        output.WriteLine($"{Directory.GetFileSystemEntries($"/proc/{process.Id}/fd").Length} descriptors are open at the start.");
        using var honest = new HttpClient { BaseAddress = new Uri(url) };
        await PostAsync(honest, bytes: 1);
        await SetLimitAsync(process, Limit);

        var used = process.ProcessorTime;
        await FloodAsync(url, 2 * Limit);
        var segments = 0;
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Watched; await Task.Delay(20))
        {
            // Send these on the existing connection. Each new segment of the log needs descriptors.
            await PostAsync(honest, bytes: 60_000);
            segments++;
        }

        var open = Directory.GetFileSystemEntries($"/proc/{process.Id}/fd").Length;
        used = process.ProcessorTime - used;
        output.WriteLine($"{open} descriptors are open, {segments} events of 60 KB were accepted, and {used.TotalSeconds:0.00} s of processor time used in "
            + $"{Watched.TotalSeconds} s.");
        Assert.True(open < Limit - 16, $"{open} of {Limit} descriptors are open.");
        Assert.True(used < MaxUsed, $"The API was busy for {used}.");
        await process.WaitForLineAsync("Raise the limit (ulimit -n)");

        CloseFlood();
        using var late = new HttpClient();
        await Eventually.IsTrueAsync(async () => (await late.GetAsync(new Uri(url + "/alive"))).IsSuccessStatusCode);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("cannot be written", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_free_descriptor_the_process_waits_and_then_accepts_the_waiting_connections()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs prlimit");
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = await _place.StartProcessAsync(url);
        await process.WaitForUrlAsync(url + "/health");
        // A new descriptor gets the lowest free number. Only 0, 1 and 2 are certain to be in use, so this limit leaves none free.
        await SetLimitAsync(process, 3);

        var used = process.ProcessorTime;
        using var http = new HttpClient();
        var waiting = http.GetAsync(new Uri(url + "/alive"));
        await Task.Delay(Watched);
        used = process.ProcessorTime - used;

        Assert.False(waiting.IsCompleted, $"The request has ended: {waiting.Status} {waiting.Exception}");
        Assert.True(used < MaxUsed, $"The API was busy for {used}.");
        await SetLimitAsync(process, 4096);
        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
    }

    [Fact]
    public async Task A_limit_too_low_for_one_connection_prints_one_line_and_exits_with_1()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs prlimit");
        var start = new ProcessStartInfo(
            "prlimit", ["--nofile=256", "dotnet", Repository.Executable("RevenueAspire.Api"), "--urls=http://127.0.0.1:0"])
        { RedirectStandardError = true };
        using var process = Process.Start(start)!;

        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("This process may open 256 files and sockets (ulimit -n)",
            Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    private static async Task SetLimitAsync(ServiceProcess process, int limit)
    {
        // Lower only the soft limit, because an ordinary user cannot raise the hard limit again.
        using var prlimit = Process.Start(
            "prlimit", [string.Create(CultureInfo.InvariantCulture, $"--pid={process.Id}"), string.Create(CultureInfo.InvariantCulture, $"--nofile={limit}:")]);
        await prlimit.WaitForExitAsync();
        Assert.Equal(0, prlimit.ExitCode);
    }

    private async Task FloodAsync(string url, int connections)
    {
        for (var i = 0; i < connections; i++)
        {
            var client = new TcpClient();
            _flood.Add(client);
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, new Uri(url).Port);
            }
            catch (SocketException)
            {
                // The API has already refused this connection.
            }
        }
    }

    private void CloseFlood()
    {
        foreach (var client in _flood)
        {
            client.Dispose();
        }

        _flood.Clear();
    }

    private static async Task PostAsync(HttpClient http, int bytes)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvent")
        {
            Content = ApiHost.Body(Sample.OfLength(Math.Max(bytes, 200)), "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "s");
        using var response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
    }
}
