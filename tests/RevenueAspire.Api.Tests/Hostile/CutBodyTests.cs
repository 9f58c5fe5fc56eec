using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Api.Tests.Hostile;

/// <summary>Connections that end in the middle of a body. Any client may do this, so the API must not log it.</summary>
public sealed class CutBodyTests : IDisposable
{
    private static readonly TimeSpan BetweenPieces = TimeSpan.FromMilliseconds(60);
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("/liveEvent", false, false)]
    [InlineData("/liveEvent", false, true)]
    [InlineData("/liveEvent", true, false)]
    [InlineData("/liveEvent", true, true)]
    [InlineData("/liveEvents", false, false)]
    [InlineData("/liveEvents", false, true)]
    [InlineData("/liveEvents", true, true)]
    public async Task A_cut_off_body_that_arrived_in_pieces_is_neither_appended_nor_logged(string path, bool chunked, bool reset)
    {
        using var complaints = new Complaints();
        await using (var api = await ApiHost.StartAsync(
            _directory, null, builder => builder.Logging.AddProvider(complaints), "Logging:LogLevel:Default=Warning"))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => CutAsync(api, path, chunked, reset)));
            Assert.Equal(202, (await api.PostEventAsync(Sample.Plain)).Status);
            Assert.Single(api.Records());
        }

        Assert.DoesNotContain(complaints.Lines, line => !line.Contains("The database is unavailable", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_body_in_pieces_is_one_event_and_a_too_large_one_is_413()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        foreach (var (body, status) in new[] { (Sample.OfLength(65_536), "202"), (Sample.OfLength(65_537), "413"), (Sample.OfLength(80_000), "413") })
        {
            using var connection = await api.ConnectAsync();
            await connection.SendAsync("POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nTransfer-Encoding: chunked\r\nConnection: "
                + "close\r\n\r\n");
            foreach (var piece in body.Chunk(20_000))
            {
                await connection.SendAsync(string.Create(CultureInfo.InvariantCulture, $"{piece.Length:x}\r\n{new string(piece)}\r\n"));
                await Task.Delay(BetweenPieces);
            }

            await connection.SendAsync("0\r\n\r\n");
            Assert.StartsWith($"HTTP/1.1 {status}", await connection.ReadToEndAsync(), StringComparison.Ordinal);
        }

        Assert.Single(api.Records());
    }

    private static async Task CutAsync(ApiHost api, string path, bool chunked, bool reset)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(api.Address.Host, api.Address.Port);
        foreach (var piece in new[] { $"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: "
            + $"s3cret\r\n{(chunked ? "Transfer-Encoding: chunked\r\n\r\nff\r\n" : "Content-Length: 255\r\n\r\n")}", "{\"userId\":", "\"user1\"," })
        {
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(piece));
            await Task.Delay(BetweenPieces);
        }

        client.Client.Close(reset ? 0 : 1);
    }

    private sealed class Complaints : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }
}
