using System.Text;

namespace RevenueAspire.Api.Tests.Hostile;

/// <summary>Valid but rare uses of a connection.</summary>
public sealed class ConnectionTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var requests = new StringBuilder();
        for (var i = 0; i < 60; i++)
        {
            var (path, body) = (i % 4) switch
            {
                0 => ("/liveEvent", Sample.Add("u", i)),
                1 => ("/liveEvent", "{}"),
                2 => ("/liveEvents", Sample.Add("u", i) + "\n" + Sample.Add("u", -i)),
                _ => ("/nowhere", "x"),
            };
            requests.Append($"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nContent-Length: "
                + $"{body.Length}\r\n{(i == 59 ? "Connection: close\r\n" : "")}\r\n{body}");
        }

        var answers = (await api.SendRawAsync(requests.ToString())).Split("HTTP/1.1 ", StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(Enumerable.Range(0, 60).Select(i => (i % 4) switch { 0 or 2 => "202", 1 => "400", _ => "404" }), answers.Select(answer => answer[..3]));
        Assert.Equal(Enumerable.Range(0, 60).Where(i => i % 2 == 0).SelectMany(i => i % 4 == 0 ? [i] : new[] { i, -i }),
            api.Records().Select(record => record.GetProperty("value").GetInt32()));
    }

    [Fact]
    public async Task A_request_of_an_older_protocol_is_answered_and_its_connection_closed()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync(
            $"POST /liveEvent HTTP/1.0\r\nAuthorization: s3cret\r\nContent-Length: {Sample.Plain.Length}\r\n\r\n{Sample.Plain}");

        Assert.StartsWith("HTTP/1.1 202", answer, StringComparison.Ordinal);
        Assert.Single(api.Records());
    }

    [Fact]
    public async Task An_absolute_target_of_the_same_host_is_treated_as_its_path()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendRawAsync(
            $"POST http://x/liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nContent-Length: {Sample.Plain.Length}\r\nConnection: "
                + $"close\r\n\r\n{Sample.Plain}");

        Assert.StartsWith("HTTP/1.1 202", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/userEvents/plain")]
    [InlineData("/userEvents/a%2Fb")]
    [InlineData("/userEvents/a%2fb%25?after=x")]
    [InlineData("/userEvents/a\\b")]
    [InlineData("/userEvents/%F0%9F%98%80%20%5C")]
    [InlineData("/userEvents/a/b")]
    [InlineData("/userEvents/a/../b")]
    [InlineData("/userEvents/%2e%2e")]
    [InlineData("/userEvents/%ff")]
    [InlineData("/userEvents?userId=a%2Fb")]
    [InlineData("/receipts/a%2Fb")]
    [InlineData("/docs/")]
    [InlineData("/nowhere")]
    public async Task A_whole_url_as_the_target_is_answered_like_its_path(string path)
    {
        await using var api = await ApiHost.StartAsync(_directory, await TestPostgres.CreateDatabaseAsync());
        await Eventually.EqualsAsync(404, async () => (await api.GetAsync("/userEvents/plain")).Status);

        var origin = await api.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        var absolute = await api.SendRawAsync($"GET http://x{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        Assert.Equal(WithoutDate(origin), WithoutDate(absolute));
    }

    private static IEnumerable<string> WithoutDate(string answer) => answer.Split("\r\n").Where(line => !line.StartsWith("Date: ", StringComparison.Ordinal));

    [Fact]
    public async Task A_client_that_expects_100_Continue_gets_it()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var connection = await api.ConnectAsync();

        await connection.SendAsync($"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nContent-Length: {Sample.Plain.Length}\r\nExpect: "
            + "100-continue\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 100", await connection.ReadSomeAsync(), StringComparison.Ordinal);
        await connection.SendAsync(Sample.Plain);

        Assert.StartsWith("HTTP/1.1 202", await connection.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_in_chunks_of_a_byte_with_extensions_and_trailers_is_one_event()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var chunks = string.Concat(Sample.Plain.Select(c => $"1;note=\"x\"\r\n{c}\r\n")) + "0\r\nX-Trailer: y\r\n\r\n";

        var answer = await api.SendRawAsync(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunks}");

        Assert.StartsWith("HTTP/1.1 202", answer, StringComparison.Ordinal);
        Assert.Single(api.Records());
    }
}
