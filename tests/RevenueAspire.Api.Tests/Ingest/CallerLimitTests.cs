using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Threading.RateLimiting;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Tests.Ingest;

/// <summary>Limits of the events per second of each caller.</summary>
public sealed class CallerLimitTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_caller_over_its_limit_gets_429_with_the_time_to_wait_and_others_continue()
    {
        await using var api = await ApiHost.StartAsync(_directory, null,
            "Ingest:Secrets:shop-1=one", "Ingest:Secrets:0=other", "Limits:EventsPerSecond=1", "Limits:Burst=3");
        var started = Stopwatch.GetTimestamp();

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => api.PostEventAsync(Sample.Plain, ("Authorization", "one"))));

        // Allow for the tokens that are added during the test.
        var accepted = answers.Count(answer => answer.Status == 202);
        Assert.InRange(accepted, 3, 4 + (int)Stopwatch.GetElapsedTime(started).TotalSeconds);
        foreach (var answer in answers.Where(answer => answer.Status != 202))
        {
            answer.ExpectProblem(429, null);
            Assert.Equal("1", answer.Header("Retry-After"));
        }

        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, ("Authorization", "other"))).Expect(HttpStatusCode.Accepted);
        Assert.Equal(accepted + 2, api.Records().Count);
    }

    [Fact]
    public async Task A_batch_larger_than_the_burst_is_accepted_and_paid_off()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Limits:EventsPerSecond=2", "Limits:Burst=1");
        var batch = string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 999)) + "no event";

        (await api.PostEventsAsync(batch)).Expect(HttpStatusCode.Accepted);

        foreach (var answer in new[] { await api.PostEventsAsync(Sample.Plain), await api.PostEventAsync(Sample.Plain) })
        {
            Assert.InRange(int.Parse(answer.ExpectProblem(429, null).Header("Retry-After")!, CultureInfo.InvariantCulture), 400, 500);
        }
    }

    [Fact]
    public async Task A_repeated_batch_is_charged_per_line_and_a_refused_batch_as_one_event()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Limits:EventsPerSecond=1", "Limits:Burst=1000");
        var batch = string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 900));
        Task<Answer> PostAsync() => api.PostEventsAsync(batch, ("Idempotency-Key", "k"));
        api.Log.Refuse("for the test");
        (await PostAsync()).ExpectProblem(503, null);
        (await PostAsync()).ExpectProblem(503, null);
        api.Log.Refuse(null);

        (await PostAsync()).Expect(HttpStatusCode.Accepted);
        (await PostAsync()).Expect(HttpStatusCode.Accepted);
        (await PostAsync()).ExpectProblem(429, null);
    }

    [Fact]
    public async Task An_unreadable_batch_is_charged_the_lines_read_so_far()
    {
        await using var api = await ApiHost.StartAsync(_directory, null,
            "Ingest:Secrets:0=cut", "Ingest:Secrets:1=long", "Limits:EventsPerSecond=1", "Limits:Burst=100", "Api:MaxBatchBytes=2000000");
        var lines = string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 5000));
        foreach (var (secret, body, status) in new[]
            { ("cut", Gzip.Compress(lines)[..^8], 400), ("long", Gzip.Compress(lines + new string('x', 2_000_000)), 413) })
        {
            Assert.Equal(status, (await api.PostEventsAsync(body, ("Content-Encoding", "gzip"), ("Authorization", secret))).Status);
            (await api.PostEventAsync(Sample.Plain, ("Authorization", secret))).ExpectProblem(429, null);
        }
    }

    [Fact]
    public async Task A_caller_may_have_a_separate_limit()
    {
        await using var api = await ApiHost.StartAsync(_directory, null,
            "Ingest:Secrets:shop-1=one", "Ingest:Secrets:shop-2=two", "Limits:Callers:SHOP-2:EventsPerSecond=1");
        var batch = $"{Sample.Plain}\n{Sample.Plain}\n{Sample.Plain}\n";
        for (var i = 0; i < 3; i++)
        {
            (await api.PostEventsAsync(batch, ("Authorization", "one"))).Expect(HttpStatusCode.Accepted);
        }

        (await api.PostEventsAsync(string.Concat(Enumerable.Repeat(batch, 100)), ("Authorization", "two"))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventsAsync(batch, ("Authorization", "two"))).ExpectProblem(429, null);
    }

    [Fact]
    public async Task A_batch_over_the_limit_is_refused_before_its_body_is_sent()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, "Limits:EventsPerSecond=1");
        await api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 100)));
        using var connection = await api.ConnectAsync();

        await connection.SendAsync(
            $"POST /liveEvents HTTP/1.1\r\nHost: x\r\nAuthorization: {ApiHost.Secret}\r\nContent-Length: 30000000\r\nExpect: 100-continue\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 429", await connection.ReadSomeAsync(), StringComparison.Ordinal);
    }

    /// <summary>Without the delay of refusals, a refused request would slow other callers down as much as an accepted one.</summary>
    [Fact]
    public async Task A_flood_over_the_limit_gets_few_answers()
    {
        const int Requests = 200;
        await using var api = await ApiHost.StartAsync(_directory, null, "Ingest:Secrets:shop-1=one", "Limits:Callers:shop-1:EventsPerSecond=1");
        await api.PostEventsAsync(string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 1000)), ("Authorization", "one"));
        using var connection = await api.ConnectAsync();
        var started = Stopwatch.GetTimestamp();

        await connection.SendAsync(string.Concat(Enumerable.Repeat(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: one\r\nContent-Length: {Sample.Plain.Length}\r\n\r\n{Sample.Plain}", Requests)));
        var answers = 0;
        while (answers < 3)
        {
            answers += Encoding.UTF8.GetBytes(await connection.ReadSomeAsync()).AsSpan().Count("HTTP/1.1 429"u8);
        }

        Assert.InRange(answers, 3, 1 + (Stopwatch.GetElapsedTime(started) / CallerLimits.RefusalDelay));
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_bucket_grants_its_rate_in_the_long_run_for_any_burst()
    {
        var clock = new Clock();
        using var bucket = new DebtBucket(perSecond: 10, burst: 20, clock);
        var random = Seed.Random(nameof(DebtBucket));
        long granted = 0;
        for (var step = 0; step < 100_000; step++)
        {
            clock.Milliseconds += random.Next(50);
            using var lease = bucket.AttemptAcquire(1);
            if (lease.IsAcquired)
            {
                var further = random.Next(10) == 0 ? random.Next(500) : 0;
                Assert.True((await bucket.AcquireAsync(further)).IsAcquired);
                granted += 1 + further;
                continue;
            }

            Assert.True(lease.TryGetMetadata(MetadataName.RetryAfter, out var wait));
            if (random.Next(4) == 0)
            {
                // Try one millisecond too early, then at the right time.
                clock.Milliseconds += (long)Math.Ceiling(wait.TotalMilliseconds) - 1;
                Assert.False(wait.TotalMilliseconds > 2 && bucket.AttemptAcquire(1).IsAcquired, Seed.Hint);
                clock.Milliseconds += 2;
                Assert.True(bucket.AttemptAcquire(1).IsAcquired, Seed.Hint);
                granted++;
            }
        }

        Assert.InRange(granted, (clock.Milliseconds / 100) - 600, (clock.Milliseconds / 100) + 20 + 500);
        Assert.Null(bucket.IdleDuration);
        clock.Milliseconds += 60_000;
        Assert.InRange(bucket.IdleDuration!.Value.TotalSeconds, 1, 60);
        Assert.Equal(20, Enumerable.Range(0, 30).Count(_ => bucket.AttemptAcquire(1).IsAcquired));
    }

    private sealed class Clock : TimeProvider
    {
        public long Milliseconds { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Milliseconds;
    }
}
