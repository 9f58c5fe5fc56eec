using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RevenueAspire.Api.Tests.Hostile;

/// <summary>Requests that only a hostile or broken client sends. The API refuses them with 4xx, appends nothing, treats no later bytes as a request, and still
/// serves others.</summary>
public sealed class MalformedRequestTests : IDisposable
{
    private const string Smuggled = "POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nContent-Length: 50\r\nConnection: close\r\n\r\n"
        + Sample.Plain;
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("Content-Length and Transfer-Encoding, read by the chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + Smuggled)]
    [InlineData("Transfer-Encoding and Content-Length, read by the length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + Smuggled)]
    [InlineData("two lengths", "Content-Length: 0\r\nContent-Length: 50\r\n\r\n" + Smuggled)]
    [InlineData("two lengths in one", "Content-Length: 0, 50\r\n\r\n" + Smuggled)]
    [InlineData("a negative length", "Content-Length: -1\r\n\r\n" + Smuggled)]
    [InlineData("a length that is not a number", "Content-Length: 0x0\r\n\r\n" + Smuggled)]
    [InlineData("a length beyond 64 bits", "Content-Length: 99999999999999999999\r\n\r\n" + Smuggled)]
    [InlineData("an encoding that is not chunked", "Transfer-Encoding: identity\r\n\r\n" + Smuggled)]
    [InlineData("an encoding after chunked", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + Smuggled)]
    [InlineData("an encoding similar to chunked", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + Smuggled)]
    [InlineData("a chunk without a size", "Transfer-Encoding: chunked\r\n\r\n\r\n" + Smuggled)]
    [InlineData("an invalid chunk size", "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + Smuggled)]
    [InlineData("a negative chunk size", "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + Smuggled)]
    [InlineData("a chunk size beyond 64 bits", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n" + Smuggled)]
    [InlineData("a chunk that is longer than its size", "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n" + Smuggled)]
    [InlineData("a space before the colon", "Content-Length : 0\r\n\r\n" + Smuggled)]
    [InlineData("a folded header", "X-Folded: a\r\n Content-Length: 0\r\n\r\n" + Smuggled)]
    [InlineData("a header without a colon", "Nonsense\r\n\r\n" + Smuggled)]
    [InlineData("a header without a name", ": nothing\r\n\r\n" + Smuggled)]
    [InlineData("a zero in a header", "X-Zero: a\0b\r\n\r\n" + Smuggled)]
    [InlineData("two hosts", "Host: y\r\nContent-Length: 0\r\n\r\n" + Smuggled)]
    public async Task An_ambiguous_request_is_refused_and_ends_its_connection(string kind, string rest)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync("POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\n" + rest);

        Assert.True(answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal), $"{kind}: {answer}");
        Assert.True(answer.LastIndexOf("HTTP/1.1", StringComparison.Ordinal) == 0, $"{kind}: later bytes were treated as a request: {answer}");
        AssertProblem(answer);
        await ServesOthersAsync(api, records: 0);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET /alive HTTP/9.9\r\nHost: x\r\n\r\n")]
    [InlineData("GET /alive\r\n\r\n")]
    [InlineData("GET  /alive HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET alive HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET http://other/alive HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("G@T /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("TRACE /liveEvent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /userEvents/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /userEvents/%0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /alive%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\0\u0001\0\u0001\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    public async Task A_malformed_request_line_or_method_is_answered_with_4xx(string request)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync(request);

        // Bytes that are not HTTP, or another version of HTTP, may get no answer, or one in another format.
        Assert.True(!answer.StartsWith("HTTP/", StringComparison.Ordinal) || answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal)
            || answer.StartsWith("HTTP/1.1 505", StringComparison.Ordinal), answer);
        await ServesOthersAsync(api, records: 0);
    }

    [Theory]
    [InlineData(414, 9_000, 0, 0)]
    [InlineData(431, 0, 40_000, 1)]
    [InlineData(431, 0, 10, 200)]
    public async Task A_target_and_headers_have_limits(int status, int targetLength, int headerLength, int headers)
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var lines = string.Concat(Enumerable.Range(0, headers).Select(i => $"X-{i}: {new string('h', headerLength)}\r\n"));

        var answer = await api.SendRawAsync($"GET /alive?{new string('t', targetLength)} HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n");

        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}"), answer, StringComparison.Ordinal);
        AssertProblem(answer);
        await ServesOthersAsync(api, records: 0);
    }

    [Theory]
    [InlineData("Idempotency-Key: one\r\nIdempotency-Key: two\r\n", 400)]
    [InlineData("Idempotency-Key: one\r\nIdempotency-Key: one\r\n", 400)]
    [InlineData("Content-Type: application/json\r\nContent-Type: text/plain\r\n", 415)]
    [InlineData("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", 415)]
    [InlineData("Authorization: other\r\n", 401)]
    public async Task A_repeated_header_is_refused(string headers, int status)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\n{headers}Content-Length: {Sample.Plain.Length}\r\nConnection: "
                + $"close\r\n\r\n{Sample.Plain}");

        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}"), answer, StringComparison.Ordinal);
        await ServesOthersAsync(api, records: 0);
    }

    [Theory]
    [InlineData("/receipts/../health")]
    [InlineData("/receipts/..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("/receipts/%2fetc%2fpasswd")]
    [InlineData("/receipts/..%5c..%5clog.json")]
    [InlineData("/receipts/00000000000000000000000000000000:-1")]
    [InlineData("/receipts/00000000000000000000000000000000:99999999999999999999")]
    [InlineData("/receipts/%00:0")]
    [InlineData("/..%2f..%2fappsettings.json")]
    [InlineData("/%2e%2e/%2e%2e/appsettings.json")]
    [InlineData("/appsettings.json")]
    [InlineData("/log.json")]
    [InlineData("//etc/passwd")]
    public async Task Only_documented_paths_are_served(string path)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        var status = answer.Split(' ')[1];
        Assert.True(status is "400" or "404" || (path == "/receipts/../health" && status == "200"), answer);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(_directory.Path, answer, StringComparison.Ordinal);
    }

    /// <summary>Sends the text as bytes, one per character.</summary>
    [Theory]
    [InlineData(400, "GET /alive HTTP/1.1\r\nHost: x\r\nX-Name: M\u00fcller\r\n\r\n")]
    [InlineData(400, "POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s\u00e9cret\r\nContent-Length: 0\r\n\r\n")]
    [InlineData(400, "POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n")]
    [InlineData(400, "GET /userEvents/a%00b HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData(400, "GET /userEvents/\u00fc HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData(400, "GET /alive HTTP/1.1\r\n\r\n")]
    [InlineData(400, "GET  /alive HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData(400, "GET /alive\r\n\r\n")]
    public async Task A_request_that_Kestrel_refuses_gets_a_problem(int status, string request)
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var connection = await api.ConnectAsync();

        // Send an ordinary request first; its answer must be complete.
        await connection.SendAsync("GET /alive HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await connection.ReadSomeAsync(), StringComparison.Ordinal);
        await connection.SendAsync(Encoding.Latin1.GetBytes(request));
        var second = await connection.ReadToEndAsync();

        using var fresh = await api.ConnectAsync();
        await fresh.SendAsync(Encoding.Latin1.GetBytes(request));
        var first = await fresh.ReadToEndAsync();

        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}"), first, StringComparison.Ordinal);
        AssertProblem(first);
        AssertProblem(second[second.IndexOf("HTTP/1.1", StringComparison.Ordinal)..]);
        await ServesOthersAsync(api, records: 0);
    }

    [Fact]
    public async Task A_refused_HEAD_has_no_body()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync("HEAD /alive HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
    }

    /// <summary>Checks that the answer is one problem of the declared length, and that the connection then ends.</summary>
    private static void AssertProblem(string answer)
    {
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var (head, body) = (answer[..end], answer[(end + 4)..]);
        Assert.Contains("\r\nContent-Type: application/problem+json", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close", head, StringComparison.Ordinal);
        body = head.Contains("chunked", StringComparison.Ordinal) ? body[body.IndexOf('{')..(body.LastIndexOf('}') + 1)] : body;
        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal(answer.Split(' ')[1], problem.GetProperty("status").GetRawText());
        Assert.NotEqual("", problem.GetProperty("detail").GetString());
    }

    private static async Task ServesOthersAsync(ApiHost api, int records)
    {
        Assert.Equal(records, api.Records().Count);
        Assert.Equal(202, (await api.PostEventAsync(Sample.Plain)).Status);
    }
}
