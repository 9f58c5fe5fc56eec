using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Tests.Hostile;

/// <summary>Connections that send requests without waiting for answers. Requests begin on the threads that poll sockets. No connection may occupy such a
/// thread, since the thread serves other connections too.</summary>
public sealed class FloodTests(ITestOutputHelper output) : IDisposable
{
    private const int Honest = 40;
    private const int RequestsAtOnce = 500;

    /// <summary>Maximum bytes of answers to a flood. A flood that shares the threads fairly gets some megabytes on any machine. A flood that occupies them gets
    /// more than half a gigabyte.</summary>
    private const long FairBytes = 100_000_000;

    private static readonly int Floods = 4 * Environment.ProcessorCount;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly LogPlace _place = new(LogEngine.File);

    public void Dispose() => _place.Dispose();

    [Theory]
    [InlineData("a wrong secret", "/liveEvent", "Authorization: wrong", Sample.Plain)]
    [InlineData("an invalid event", "/liveEvent", "Authorization: s", "{}")]
    [InlineData("a known key", "/liveEvent", "Authorization: s\r\nIdempotency-Key: k", Sample.Plain)]
    [InlineData("an invalid batch", "/liveEvents", "Authorization: s", "{}\n{}\n{}")]
    [InlineData("an unknown path", "/nowhere", "Authorization: s", "")]
    public async Task Others_are_served_during_a_flood_of(string kind, string path, string headers, string body)
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var process = await _place.StartProcessAsync(url);
        await process.WaitForUrlAsync(url + "/health");
        var flood = Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Repeat($"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\nContent-Length: {body.Length}\r\n\r\n{body}", RequestsAtOnce)));
        using var stop = new CancellationTokenSource();
        long answered = 0;
        var flooding = Enumerable.Range(0, Floods)
            .Select(_ => Task.Run(() => FloodAsync(new Uri(url).Port, flood, bytes => Interlocked.Add(ref answered, bytes), stop.Token))).ToList();
        await Eventually.IsTrueAsync(() => Interlocked.Read(ref answered) > 0);

        // Send each event on a separate connection, so that the events use all polling threads.
        using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = Limit };
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < Honest; i++)
        {
            var started = Stopwatch.GetTimestamp();
            using var request = new HttpRequestMessage(HttpMethod.Post, "/liveEvent")
            {
                Content = ApiHost.Body(Sample.Add("user1", i), "application/json"),
                Headers = { ConnectionClose = true },
            };
            request.Headers.TryAddWithoutValidation("Authorization", "s");
            using var response = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
            var took = Stopwatch.GetElapsedTime(started);
            slowest = took > slowest ? took : slowest;
        }

        var during = Interlocked.Read(ref answered);
        await stop.CancelAsync();
        await Task.WhenAll(flooding);
        output.WriteLine($"During a flood of {kind}, answered with {during:N0} bytes, the slowest of {Honest} events took {slowest.TotalMilliseconds:N0} ms.");
        Assert.True(during > 100_000, $"The flood was too small: it got only {during} bytes of answers.");
        Assert.True(during < FairBytes,
            $"The flood occupied the threads: it got {during} bytes of answers during {Honest} events; the slowest event took {slowest.TotalSeconds:0.0} s.");
        var code = await process.TerminateAsync(TimeSpan.FromSeconds(20));
        Assert.True(code == 0, $"The API ended with {code}: {process.Output}");
    }

    private static async Task FloodAsync(int port, byte[] requests, Action<int> answered, CancellationToken stop)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, CancellationToken.None);
        var stream = client.GetStream();
        try
        {
            await Task.WhenAny(SendAsync(), ReceiveAsync());
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The server, or the end of the test, has closed the connection.
        }

        async Task SendAsync()
        {
            while (true)
            {
                await stream.WriteAsync(requests, stop);
            }
        }

        async Task ReceiveAsync()
        {
            var buffer = new byte[64 << 10];
            int count;
            while ((count = await stream.ReadAsync(buffer, stop)) > 0)
            {
                answered(count);
            }
        }
    }
}
