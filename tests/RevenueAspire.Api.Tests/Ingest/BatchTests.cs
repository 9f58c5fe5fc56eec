using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class BatchTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_batch_without_a_valid_line_is_400_and_lists_at_most_100_lines()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(string.Concat(Enumerable.Repeat("{}\n", 250)))).ExpectProblem(400, null);

        Assert.Equal(250, answer.Json.GetProperty("rejectedCount").GetInt32());
        Assert.Equal(Enumerable.Range(1, 100), answer.Json.GetProperty("rejected").EnumerateArray().Select(line => line.GetProperty("line").GetInt32()));
        Assert.Empty(api.Records());
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\r\n \n")]
    public async Task A_body_without_lines_is_400(string body)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(body)).ExpectProblem(400, null);

        Assert.Equal(0, answer.Json.GetProperty("rejectedCount").GetInt32());
        Assert.Equal(0, answer.Json.GetProperty("rejected").GetArrayLength());
    }

    [Fact]
    public async Task All_rejected_lines_are_counted_and_100_listed()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(string.Concat(Enumerable.Repeat("x\n", 101)) + Sample.Plain)).Expect(HttpStatusCode.Accepted);

        Assert.Equal(101, answer.Json.GetProperty("rejectedCount").GetInt32());
        Assert.Equal(100, answer.Json.GetProperty("rejected").GetArrayLength());
    }

    [Fact]
    public async Task A_line_of_65536_bytes_is_accepted_and_only_a_longer_one_is_rejected()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(
            $"{Sample.OfLength(65536)}\n{Sample.OfLength(65537)}\n{Sample.OfLength(500_000)}\n{Sample.Plain}\n{Sample.OfLength(65537)}"))
                .Expect(HttpStatusCode.Accepted);

        Assert.Equal(2, answer.Json.GetProperty("accepted").GetInt32());
        Assert.Equal([2, 3, 5], answer.Json.GetProperty("rejected").EnumerateArray().Select(line => line.GetProperty("line").GetInt32()));
    }

    [Fact]
    public async Task A_batch_without_a_length_has_the_same_limit()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Api:MaxBatchBytes=4096");
        using var connection = await api.ConnectAsync();
        await connection.SendAsync($"POST /liveEvents HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nTransfer-Encoding: chunked\r\nConnection: "
            + $"close\r\n\r\n1001\r\n{Sample.OfLength(4096)}\n\r\n0\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 413", await connection.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Empty(api.Records());
    }

    [Theory]
    [InlineData("half")]
    [InlineData("without its trailer")]
    [InlineData("one byte short")]
    [InlineData("one bit flipped in the checksum")]
    [InlineData("not gzip at all")]
    [InlineData("a second member that is cut off")]
    public async Task Damaged_or_cut_off_gzip_is_400_and_appends_nothing(string damage)
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var whole = Gzip.Compress(string.Concat(Enumerable.Range(0, 2000).Select(number => Sample.Add("user" + number, number * 7919) + "\n")));
        var flipped = (byte[])whole.Clone();
        flipped[^6] ^= 1;
        var body = damage switch
        {
            "half" => whole[..(whole.Length / 2)],
            "without its trailer" => whole[..^8],
            "one byte short" => whole[..^1],
            "one bit flipped in the checksum" => flipped,
            "not gzip at all" => Encoding.UTF8.GetBytes(Sample.Plain),
            _ => [.. whole, .. whole[..(whole.Length / 2)]],
        };

        (await api.PostEventsAsync(body, ("Content-Encoding", "gzip"))).ExpectProblem(400, "Content-Encoding");

        Assert.Empty(api.Records());
    }

    [Fact]
    public async Task Gzip_of_several_members_is_one_body()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync([.. Gzip.Compress(Sample.Add("a", 1) + "\n{\"userId\":"),
            .. Gzip.Compress("\"b\",\"name\":\"add_revenue\",\"value\":2}")], ("Content-Encoding", "gzip")))
            .Expect(HttpStatusCode.Accepted);

        Assert.Equal(2, answer.Json.GetProperty("accepted").GetInt32());
    }

    [Theory]
    [InlineData("application/jsonl", 202)]
    [InlineData("application/x-ndjson; charset=UTF-8", 202)]
    [InlineData(null, 202)]
    [InlineData("application/json", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    public async Task Json_lines_are_accepted_under_both_content_types(string? contentType, int status)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendAsync(HttpMethod.Post, "/liveEvents", ApiHost.Body(Sample.Plain, contentType));

        Assert.Equal(status, answer.Status);
        if (status == 415)
        {
            answer.ExpectProblem(415, "Content-Type");
            Assert.Contains("-H 'Content-Type: application/jsonl'", answer.Body, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("br")]
    [InlineData("gzip, gzip")]
    [InlineData("deflate")]
    public async Task Another_content_encoding_is_415_and_names_gzip(string encoding)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventsAsync(Sample.Plain, ("Content-Encoding", encoding))).ExpectProblem(415, "Content-Encoding");

        Assert.Equal("gzip", answer.Header("Accept-Encoding"));
    }

    [Fact]
    public async Task Batches_beyond_the_memory_limit_are_refused_and_append_nothing()
    {
        // Room for one batch of the largest size.
        await using var api = await ApiHost.StartAsync(
            _directory, null, "Api:MaxBatchBytes=1000000", "Api:BatchMemoryBytes=2262144", "Api:BatchWait=00:00:00.1");
        using var holder = await api.ConnectAsync();
        await holder.SendAsync($"POST /liveEvents HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: 1000000\r\nConnection: "
            + $"close\r\n\r\n{Sample.Add("slow", 1)}\n");
        await Task.Delay(TimeSpan.FromSeconds(1));

        (await api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 15_000)))).ExpectProblem(503, null);
        Assert.Empty(api.Records());

        await holder.SendAsync(new string('\n', 1000000 - Sample.Add("slow", 1).Length - 1));
        Assert.StartsWith("HTTP/1.1 202", await holder.ReadToEndAsync(), StringComparison.Ordinal);
        (await api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 15_000)))).Expect(HttpStatusCode.Accepted);
    }

    [Theory]
    [InlineData("Content-Type: application/jsonl")]
    [InlineData("Content-Encoding: gzip")]
    public async Task A_batch_that_arrives_too_slowly_returns_its_memory(string header)
    {
        await using var api = await ApiHost.StartAsync(
            _directory, null, "Api:MaxBatchBytes=1000000", "Api:BatchMemoryBytes=2262144", "Api:BatchWait=00:00:10", "Api:BatchBodyTimeout=00:00:01");
        using var holder = await api.ConnectAsync();
        await holder.SendAsync($"POST /liveEvents HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: 1000000\r\n{header}\r\n\r\n");
        await holder.SendAsync(header.EndsWith("gzip", StringComparison.Ordinal) ? Gzip.Compress(Sample.Plain)[..20] : "{"u8.ToArray());
        await Task.Delay(200);

        var waiting = api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 15_000)));

        Assert.StartsWith("HTTP/1.1 408", await holder.ReadSomeAsync(), StringComparison.Ordinal);
        (await waiting).Expect(HttpStatusCode.Accepted);
        Assert.Equal(15_000, api.Records().Count);
    }

    [Fact]
    public async Task A_client_that_disconnects_during_a_batch_returns_its_memory_and_appends_nothing()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Api:MaxBatchBytes=1000000", "Api:BatchMemoryBytes=2262144");
        for (var round = 0; round < 5; round++)
        {
            using var connection = await api.ConnectAsync();
            await connection.SendAsync($"POST /liveEvents HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: "
                + $"1000000\r\n\r\n{Sample.Plain}\n");
            await Task.Delay(20);
        }

        (await api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Add("whole", 1) + "\n", 15_000)))).Expect(HttpStatusCode.Accepted);

        Assert.All(api.Records(), record => Assert.Equal("whole", record.GetProperty("userId").GetString()));
    }
}
