using System.Net;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class SlowClientTests : IDisposable
{
    /// <summary>The start of a gzip body with a comment field. Every byte except zero extends the comment.</summary>
    private const string GzipHead = "\u001f\u008b\u0008\u0010\0\0\0\0\0\u0003";

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_request_of_one_byte_per_second_is_cut_off_while_others_are_served()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var secret = $"Host: x\r\nAuthorization: {ApiHost.Secret}\r\n";
        (string Name, string Head)[] kinds =
        [
            ("headers", $"POST /liveEvent HTTP/1.1\r\n{secret}X-Slow: "),
            ("a single event", $"POST /liveEvent HTTP/1.1\r\n{secret}Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n"),
            ("a chunked single event", $"POST /liveEvent HTTP/1.1\r\n{secret}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n"),
            ("a batch", $"POST /liveEvents HTTP/1.1\r\n{secret}Content-Type: application/jsonl\r\nContent-Length: 4000\r\n\r\n"),
            ("a chunked batch", $"POST /liveEvents HTTP/1.1\r\n{secret}Content-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n"),
            ("a gzip batch", $"POST /liveEvents HTTP/1.1\r\n{secret}Content-Type: application/jsonl\r\nContent-Encoding: gzip\r\nContent-Length: "
                + $"4000\r\n\r\n{GzipHead}"),
        ];
        var slow = kinds.Select(kind => (kind.Name, Answer: TrickleAsync(api, kind.Head))).ToArray();

        var served = 0;
        while (slow.Any(client => !client.Answer.IsCompleted))
        {
            (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
            (await api.PostEventsAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
            served += 2;
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        foreach (var (name, answer) in slow)
        {
            Assert.True((await answer).StartsWith("HTTP/1.1 408", StringComparison.Ordinal), $"{name}: {await answer}");
            Assert.Contains(name == "headers" ? "The headers did not arrive within 10 s." : "at less than 1024 bytes per second", await answer,
                StringComparison.Ordinal);
        }

        Assert.Equal(served, api.Records().Count);
    }

    /// <summary>Sends the start, and then one byte per second until the server ends the connection. Fails after half a minute.</summary>
    private static async Task<string> TrickleAsync(ApiHost api, string head)
    {
        using var connection = await api.ConnectAsync();
        await connection.SendAsync(System.Text.Encoding.Latin1.GetBytes(head));
        var answer = connection.ReadSomeAsync();
        while (!answer.IsCompleted)
        {
            await Task.WhenAny(answer, Task.Delay(1000));
            if (!answer.IsCompleted)
            {
                await connection.SendAsync("x");
            }
        }

        return await answer;
    }
}
