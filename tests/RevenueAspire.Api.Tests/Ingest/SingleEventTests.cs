using System.Net;
using System.Text;
using System.Text.Json;

namespace RevenueAspire.Api.Tests.Ingest;

public sealed class SingleEventTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task An_event_is_answered_with_a_receipt_once_it_is_in_the_log()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);

        Assert.Equal($$"""{"receipt":"{{api.Log.LogId:N}}:0"}""", answer.Body);
        Assert.Equal("application/json", answer.Header("Content-Type"));
        Assert.Equal(answer.Body.Length.ToString(), answer.Header("Content-Length"));
        var record = Assert.Single(api.Records());
        Assert.Equal("user1", record.GetProperty("userId").GetString());
        Assert.Equal(98, record.GetProperty("value").GetInt32());
        var age = DateTimeOffset.UtcNow - record.GetProperty("timestamp").GetDateTimeOffset();
        Assert.InRange(age, TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Receipts_name_the_offsets_of_their_records()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var first = (await api.PostEventAsync(Sample.Plain)).Receipt!;
        var mark = api.Log.DurableMark;
        var second = (await api.PostEventAsync(Sample.Plain)).Receipt!;

        Assert.EndsWith(":0", first, StringComparison.Ordinal);
        Assert.EndsWith($":{mark}", second, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\r\n  \"value\": -5,\r\n  \"name\": \"subtract_revenue\",\r\n  \"userId\": \"user1\"\r\n}\r\n", "user1", -5)]
    [InlineData("\uFEFF{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":1}", "user1", 1)]
    [InlineData("{\"userId\":\"\\u0061\\ud83d\\ude00/%\",\"name\":\"add_revenue\",\"value\":9223372036854775807}", "a😀/%", long.MaxValue)]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":-9223372036854775808,\"extra\":{\"deep\":[1,2,{\"a\":null}]}}", "user1",
        long.MinValue)]
    public async Task White_space_order_escapes_bom_and_unknown_fields_are_fine(string body, string userId, long value)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.PostEventAsync(body)).Expect(HttpStatusCode.Accepted);

        var record = Assert.Single(api.Records());
        Assert.Equal(userId, record.GetProperty("userId").GetString());
        Assert.Equal(value, record.GetProperty("value").GetInt64());
    }

    [Fact]
    public async Task Fields_that_belong_to_the_server_are_replaced()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.PostEventAsync(
            """{"timestamp":"1970-01-01","userId":"user1","idempotencyKey":"k","bodyHash":"h","traceparent":"t","batch":{},"""
            + """ "name":"add_revenue","value":1,"kept":true}"""))
            .Expect(HttpStatusCode.Accepted);

        var record = Assert.Single(api.Records());
        Assert.Equal(["userId", "name", "value", "kept", "timestamp"], record.EnumerateObject().Select(member => member.Name));
        Assert.NotEqual("1970-01-01", record.GetProperty("timestamp").GetString());
    }

    [Theory]
    [InlineData("""{"name":"add_revenue","value":1}""", "userId")]
    [InlineData("""{"userId":"","name":"add_revenue","value":1}""", "userId")]
    [InlineData("""{"userId":7,"name":"add_revenue","value":1}""", "userId")]
    [InlineData("""{"userId":"a\u0000b","name":"add_revenue","value":1}""", "userId")]
    [InlineData("""{"userId":"\ud800","name":"add_revenue","value":1}""", "userId")]
    [InlineData("""{"userId":"a","userId":"b","name":"add_revenue","value":1}""", "userId")]
    [InlineData("""{"userId":"user1","value":1}""", "name")]
    [InlineData("""{"userId":"user1","name":"multiply_revenue","value":1}""", "name")]
    [InlineData("""{"userId":"user1","name":"add_revenue"}""", "value")]
    [InlineData("""{"userId":"user1","name":"add_revenue","value":1.5}""", "value")]
    [InlineData("""{"userId":"user1","name":"add_revenue","value":1e3}""", "value")]
    [InlineData("""{"userId":"user1","name":"add_revenue","value":"1"}""", "value")]
    [InlineData("""{"userId":"user1","name":"add_revenue","value":9223372036854775808}""", "value")]
    [InlineData("""{"userId":"user1","name":"add_revenue","value":1""", null)]
    [InlineData("""[{"userId":"user1","name":"add_revenue","value":1}]""", null)]
    [InlineData("{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":1}\n{\"userId\":\"user1\",\"name\":\"add_revenue\",\"value\":1}", null)]
    [InlineData("", null)]
    [InlineData(" \r\n", null)]
    public async Task A_bad_event_is_400_names_the_field_and_appends_nothing(string body, string? field)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.PostEventAsync(body)).ExpectProblem(400, field);

        Assert.Empty(api.Records());
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        Assert.Single(api.Records());
    }

    [Fact]
    public async Task A_user_id_of_256_bytes_is_accepted_and_one_of_257_is_not()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.PostEventAsync(Sample.Add(new string('ä', 128), 1))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Add(new string('ä', 128) + "a", 1))).ExpectProblem(400, "userId");
    }

    [Fact]
    public async Task An_event_of_65536_bytes_is_accepted_and_one_of_65537_is_413()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.PostEventAsync(Sample.OfLength(65536))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.OfLength(65537))).ExpectProblem(413, null);

        Assert.Single(api.Records());
    }

    [Theory]
    [InlineData(65536, 202)]
    [InlineData(65537, 413)]
    [InlineData(1_000_000, 413)]
    public async Task The_limit_applies_to_a_body_without_a_length(int length, int status)
    {
        await using var api = await ApiHost.StartAsync(_directory);
        var body = ApiHost.Body(Sample.OfLength(length), "application/json");

        var answer = await api.SendAsync(HttpMethod.Post, "/liveEvent", new UnsizedContent(body));

        Assert.Equal(status, answer.Status);
        Assert.Equal(status == 202 ? 1 : 0, api.Records().Count);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("Application/JSON;charset=\"UTF-8\"")]
    [InlineData(null)]
    public async Task Json_and_no_content_type_are_accepted(string? contentType)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.SendAsync(HttpMethod.Post, "/liveEvent", ApiHost.Body(Sample.Plain, contentType))).Expect(HttpStatusCode.Accepted);
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("text/plain")]
    [InlineData("application/json; charset=utf-16")]
    public async Task Another_content_type_is_415_and_shows_the_curl_header(string contentType)
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answer = await api.SendAsync(HttpMethod.Post, "/liveEvent", ApiHost.Body(Sample.Plain, contentType));

        answer.ExpectProblem(415, "Content-Type");
        Assert.Contains("-H 'Content-Type: application/json'", answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(api.Records());
    }

    [Fact]
    public async Task A_compressed_single_event_is_415()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        (await api.PostEventAsync(Sample.Plain, ("Content-Encoding", "gzip"))).ExpectProblem(415, "Content-Encoding");
    }

    [Fact]
    public async Task A_body_in_small_pieces_is_one_event()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var connection = await api.ConnectAsync();
        await connection.SendAsync($"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nTransfer-Encoding: chunked\r\nConnection: "
            + "close\r\n\r\n");
        foreach (var piece in Sample.Plain.Chunk(7))
        {
            await connection.SendAsync($"{piece.Length:x}\r\n{new string(piece)}\r\n");
            await Task.Delay(1);
        }

        await connection.SendAsync("0\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 202", await connection.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Single(api.Records());
    }

    [Fact]
    public async Task A_cut_off_body_appends_nothing()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using (var connection = await api.ConnectAsync())
        {
            await connection.SendAsync($"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: "
                + $"{Sample.Plain.Length + 1}\r\n\r\n{Sample.Plain}");
            await Task.Delay(100);
        }

        (await api.PostEventAsync(Sample.Add("user2", 1))).Expect(HttpStatusCode.Accepted);
        Assert.Equal("user2", Assert.Single(api.Records()).GetProperty("userId").GetString());
    }

    [Fact]
    public async Task A_client_that_sends_one_byte_per_second_gets_408()
    {
        await using var api = await ApiHost.StartAsync(_directory);
        using var connection = await api.ConnectAsync();
        await connection.SendAsync($"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: 1000\r\n\r\n");
        var answer = connection.ReadSomeAsync();
        var started = Environment.TickCount64;
        while (!answer.IsCompleted)
        {
            Assert.InRange(Environment.TickCount64 - started, 0, 15_000);
            await connection.SendAsync("{");
            await Task.WhenAny(answer, Task.Delay(1000));
        }

        Assert.StartsWith("HTTP/1.1 408", await answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Configured_event_types_replace_the_default_ones()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "EventTypes:refund=-1", "EventTypes:sale=1");

        (await api.PostEventAsync("""{"userId":"user1","name":"refund","value":1}""")).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain)).ExpectProblem(400, "name");
    }

    [Fact]
    public async Task The_server_does_not_reveal_its_software()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        Assert.Null((await api.PostEventAsync(Sample.Plain)).Header("Server"));
    }

    [Fact]
    public async Task Concurrent_events_are_all_in_the_log_exactly_once()
    {
        await using var api = await ApiHost.StartAsync(_directory);

        var answers = await Task.WhenAll(Enumerable.Range(0, 500).Select(number => api.PostEventAsync(Sample.Add("user" + number, number))));

        Assert.All(answers, answer => answer.Expect(HttpStatusCode.Accepted));
        Assert.Equal(500, answers.Select(answer => answer.Receipt).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 500), api.Records().Select(record => record.GetProperty("value").GetInt32()).Order());
    }

    /// <summary>Content sent in chunks, without a length.</summary>
    private sealed class UnsizedContent : HttpContent
    {
        private readonly HttpContent _inner;

        public UnsizedContent(HttpContent inner)
        {
            _inner = inner;
            Headers.ContentType = inner.Headers.ContentType;
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => _inner.CopyToAsync(stream, context);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
