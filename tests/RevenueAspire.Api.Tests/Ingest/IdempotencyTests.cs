using System.Net;
using RevenueAspire.EventLog;
using RevenueAspire.Testing;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>Idempotency keys, with either engine of the log.</summary>
public abstract class IdempotencyTests : IDisposable
{
    private const string Batch = "{\"userId\":\"a\",\"name\":\"add_revenue\",\"value\":1}\nnot "
        + "json\n{\"userId\":\"b\",\"name\":\"add_revenue\",\"value\":2}\n{}\n";

    private readonly LogPlace _place;

    private protected IdempotencyTests(LogEngine engine) => _place = new LogPlace(engine);

    public void Dispose()
    {
        _place.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_repeat_gets_the_first_receipt_and_is_not_appended_again()
    {
        await using var api = await _place.StartAsync();

        var first = (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);
        var second = (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);

        Assert.Equal(first.Body, second.Body);
        Assert.Single(api.Records());
    }

    [Fact]
    public async Task The_same_key_with_another_body_is_422_and_appends_nothing()
    {
        await using var api = await _place.StartAsync();
        (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);

        (await api.PostEventAsync(Sample.Plain + " ", ("Idempotency-Key", "k1"))).ExpectProblem(422, "Idempotency-Key");
        (await api.PostEventsAsync(Sample.Plain + "\n" + Sample.Plain, ("Idempotency-Key", "k1"))).ExpectProblem(422, "Idempotency-Key");

        Assert.Single(api.Records());
    }

    [Fact]
    public async Task Repeats_that_arrive_at_the_same_time_are_appended_once()
    {
        await using var api = await _place.StartAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(number => api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k" + (number % 5)))));

        Assert.All(answers, answer => answer.Expect(HttpStatusCode.Accepted));
        Assert.Equal(5, answers.Select(answer => answer.Receipt).Distinct().Count());
        Assert.Equal(5, api.Records().Count);
    }

    [Fact]
    public async Task Keys_and_receipts_survive_a_restart()
    {
        string? single, batch;
        await using (var api = await _place.StartAsync())
        {
            single = (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k1"))).Receipt;
            batch = (await api.PostEventsAsync(Batch, ("Idempotency-Key", "k2"))).Expect(HttpStatusCode.Accepted).Body;
        }

        await using (var api = await _place.StartAsync())
        {
            Assert.Equal(single, (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k1"))).Receipt);
            Assert.Equal(batch, (await api.PostEventsAsync(Batch, ("Idempotency-Key", "k2"))).Body);
            (await api.PostEventAsync(Sample.Add("user1", 1), ("Idempotency-Key", "k1"))).ExpectProblem(422, "Idempotency-Key");
            (await api.GetAsync("/receipts/" + single)).Expect(HttpStatusCode.OK);
            Assert.Equal(3, api.Records().Count);
        }
    }

    [Fact]
    public async Task A_repeated_batch_gets_the_same_answer_including_its_list()
    {
        await using var api = await _place.StartAsync();

        var first = (await api.PostEventsAsync(Batch, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);
        var second = (await api.PostEventsAsync(Batch, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);

        Assert.Equal(first.Body, second.Body);
        Assert.Equal(2, first.Json.GetProperty("rejectedCount").GetInt32());
        Assert.Equal(2, api.Records().Count);
    }

    [Fact]
    public async Task A_batch_is_identified_by_its_decompressed_body()
    {
        await using var api = await _place.StartAsync();

        var plain = (await api.PostEventsAsync(Batch, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);
        var zipped = (await api.PostEventsAsync(Gzip.Compress(Batch), ("Idempotency-Key", "k1"), ("Content-Encoding", "gzip"))).Expect(HttpStatusCode.Accepted);

        Assert.Equal(plain.Body, zipped.Body);
        Assert.Equal(2, api.Records().Count);
    }

    [Fact]
    public async Task A_refused_event_does_not_use_up_its_key()
    {
        await using var api = await _place.StartAsync();

        (await api.PostEventAsync("{}", ("Idempotency-Key", "k1"))).ExpectProblem(400, "userId");
        (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "k1"))).Expect(HttpStatusCode.Accepted);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("schlüssel")]
    [InlineData("")]
    [InlineData("129")]
    public async Task An_invalid_key_is_400(string key)
    {
        await using var api = await _place.StartAsync();
        key = key == "129" ? new string('k', 129) : key;

        var answer = await api.SendRawAsync(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nIdempotency-Key: {key}\r\nContent-Length: "
                + $"{Sample.Plain.Length}\r\nConnection: close\r\n\r\n{Sample.Plain}");

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.Contains("\"field\":\"Idempotency-Key\"", answer, StringComparison.Ordinal);
        Assert.Empty(api.Records());
    }

    [Fact]
    public async Task Two_keys_are_400()
    {
        await using var api = await _place.StartAsync();

        var answer = await api.SendRawAsync(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\nContent-Length: "
                + $"{Sample.Plain.Length}\r\nConnection: close\r\n\r\n{Sample.Plain}");

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.Empty(api.Records());
    }

    [Fact]
    public async Task A_key_may_have_128_visible_characters()
    {
        await using var api = await _place.StartAsync();
        var key = string.Concat(Enumerable.Range('!', 94).Select(code => (char)code)) + new string('~', 34);

        (await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", key))).Expect(HttpStatusCode.Accepted);

        Assert.Equal(key, Assert.Single(api.Records()).GetProperty("idempotencyKey").GetString());
    }
}

public sealed class IdempotencyInFilesTests() : IdempotencyTests(LogEngine.File);

public sealed class IdempotencyInPostgresTests() : IdempotencyTests(LogEngine.Postgres);
