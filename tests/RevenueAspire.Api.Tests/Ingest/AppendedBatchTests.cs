using System.Net;
using System.Security.Cryptography;
using System.Text;
using RevenueAspire.EventLog;
using RevenueAspire.Testing;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>Batches in the log, with either engine.</summary>
public abstract class AppendedBatchTests : IDisposable
{
    private readonly LogPlace _place;

    private protected AppendedBatchTests(LogEngine engine) => _place = new LogPlace(engine);

    public void Dispose()
    {
        _place.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task All_valid_lines_are_appended_and_the_others_listed_with_their_numbers()
    {
        await using var api = await _place.StartAsync();
        var body = $"{Sample.Add("a", 1)}\r\n\n   \nnot json\n{Sample.Add("b", 2)}\n{{\"userId\":\"c\",\"name\":\"add_revenue\"}}\n{Sample.Add("d", 3)}";

        var answer = (await api.PostEventsAsync(body)).Expect(HttpStatusCode.Accepted);

        Assert.Equal(["receipt", "accepted", "rejectedCount", "rejected"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(3, answer.Json.GetProperty("accepted").GetInt32());
        Assert.Equal(2, answer.Json.GetProperty("rejectedCount").GetInt32());
        var rejected = answer.Json.GetProperty("rejected").EnumerateArray().ToList();
        Assert.Equal([4, 6], rejected.Select(line => line.GetProperty("line").GetInt32()));
        Assert.Contains("value", rejected[1].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(["line", "reason"], rejected[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(["a", "b", "d"], api.Records().Select(record => record.GetProperty("userId").GetString()));
    }

    [Fact]
    public async Task The_receipt_names_the_last_record()
    {
        await using var api = await _place.StartAsync();

        var answer = (await api.PostEventsAsync($"{Sample.Add("a", 1)}\n{Sample.Add("b", 2)}\n")).Expect(HttpStatusCode.Accepted);

        var lines = api.ReadLog().Split('\n');
        Assert.Equal($"{api.Log.LogId:N}:{Encoding.UTF8.GetByteCount(lines[0]) + 1}", answer.Receipt);
        Assert.Equal(2, api.Records()[1].GetProperty("batch").GetProperty("count").GetInt32());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_batch_of_32_MB_is_accepted_and_one_byte_more_is_413(bool gzip)
    {
        await using var api = await _place.StartAsync();
        var body = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Sample.OfLength(65535) + "\n", 511)) + Sample.OfLength(65535) + "\n\n");
        Assert.Equal((32 << 20) + 1, body.Length);
        (string, string?)[] headers = gzip ? [("Content-Encoding", "gzip")] : [];
        byte[] Encode(byte[] plain) => gzip ? Gzip.Compress(plain) : plain;

        (await api.PostEventsAsync(Encode(body), headers)).ExpectProblem(413, null);
        Assert.Empty(api.Records());

        var answer = (await api.PostEventsAsync(Encode(body[..^1]), headers)).Expect(HttpStatusCode.Accepted);
        Assert.Equal(512, answer.Json.GetProperty("accepted").GetInt32());
    }

    [Fact]
    public async Task The_last_record_of_a_keyed_batch_has_the_key_and_the_hash_of_the_decompressed_body()
    {
        await using var api = await _place.StartAsync();
        var body = $"{Sample.Add("a", 1)}\n{Sample.Add("b", 2)}\n";

        (await api.PostEventsAsync(Gzip.Compress(body), ("Idempotency-Key", "k1"), ("Content-Encoding", "gzip"))).Expect(HttpStatusCode.Accepted);

        var records = api.Records();
        Assert.False(records[0].TryGetProperty("idempotencyKey", out _));
        Assert.Equal("k1", records[1].GetProperty("idempotencyKey").GetString());
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(body));
        var written = records[1].GetProperty("bodyHash").GetString()!;
        Assert.True(written.Equals(Convert.ToHexString(hash), StringComparison.OrdinalIgnoreCase) || written == Convert.ToBase64String(hash), written);
    }

    [Fact]
    public async Task Concurrent_batches_and_single_events_stay_intact()
    {
        await using var api = await _place.StartAsync();
        var random = Seed.Random(nameof(Concurrent_batches_and_single_events_stay_intact));
        var sizes = Enumerable.Range(0, 60).Select(_ => random.Next(1, 400)).ToList();

        var answers = await Task.WhenAll(sizes.Select((size, number) => size == 1
            ? api.PostEventAsync(Sample.Add("s" + number, 1))
            : api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Add("b" + number, 1) + "\n", size)))));

        Assert.All(answers, answer => answer.Expect(HttpStatusCode.Accepted));
        var runs = new List<(string User, int Count)>();
        foreach (var user in api.Records().Select(record => record.GetProperty("userId").GetString()!))
        {
            runs = runs is [.., var last] && last.User == user ? [.. runs[..^1], (user, last.Count + 1)] : [.. runs, (user, 1)];
        }

        Assert.True(sizes.Count == runs.Count, $"a batch was split; {Seed.Hint}");
        Assert.All(runs, run => Assert.True(sizes[int.Parse(run.User[1..])] == run.Count, $"{run}; {Seed.Hint}"));
    }
}

public sealed class AppendedBatchInFilesTests() : AppendedBatchTests(LogEngine.File);

public sealed class AppendedBatchInPostgresTests() : AppendedBatchTests(LogEngine.Postgres);
