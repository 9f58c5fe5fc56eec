using System.Globalization;
using System.Threading.RateLimiting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>An API with a rate limit (429): the client waits as long as the API asks, and sends each line once.</summary>
public sealed class LimitTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData("--concurrency", "8")]
    [InlineData("--batch", "3", "--concurrency", "4")]
    public async Task A_rate_limited_api_gets_each_line_once_and_no_early_request(params string[] options)
    {
        await using var limiter = new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokenLimit = 10,
            TokensPerPeriod = 10,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
        });
        await using var api = await FakeApi.StartAsync();
        var refused = new System.Collections.Concurrent.ConcurrentDictionary<string, DateTime>();
        var early = 0;
        var refusals = 0;
        api.Before = async (context, _) =>
        {
            var key = context.Request.Headers["Idempotency-Key"].ToString();
            if (refused.TryRemove(key, out var until) && DateTime.UtcNow < until)
            {
                Interlocked.Increment(ref early);
            }

            using var lease = limiter.AttemptAcquire();
            if (lease.IsAcquired)
            {
                return false;
            }

            Interlocked.Increment(ref refusals);
            // A little less than 1 s, because the answer takes time to arrive.
            refused[key] = DateTime.UtcNow.AddSeconds(0.95);
            await FakeApi.Answer(context, 429, 1.ToString(CultureInfo.InvariantCulture));
            return true;
        };
        _client.Options.GiveUpAfterSeconds = 30;

        var code = await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(45)), options);

        Assert.True(code == ExitCodes.Done, _client.Error);
        Assert.True(refusals > 0);
        Assert.Equal(0, early);
        Assert.Equal(SendHarness.Events(45).Order(), api.Records.Order());
        Assert.Contains("429: provoked 429", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--concurrency", "1")]
    [InlineData("--batch", "2", "--concurrency", "4")]
    public async Task The_wait_that_a_429_asks_for_does_not_count_towards_giving_up(params string[] options)
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, number) =>
        {
            if (number > 2)
            {
                return false;
            }

            await FakeApi.Answer(context, 429, "3");
            return true;
        };
        _client.Options.GiveUpAfterSeconds = 2;

        var code = await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(4)), options);

        Assert.True(code == ExitCodes.Done, _client.Error);
        Assert.Equal(SendHarness.Events(4).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_run_far_above_the_limit_continues_while_some_requests_pass()
    {
        await using var limiter = new FixedWindowRateLimiter(new FixedWindowRateLimiterOptions
        {
            PermitLimit = 4,
            Window = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
        });
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            using var lease = limiter.AttemptAcquire();
            if (!lease.IsAcquired)
            {
                await FakeApi.Answer(context, 429, "1");
            }

            return !lease.IsAcquired;
        };
        // The last requests in flight are refused for much longer than this.
        _client.Options.GiveUpAfterSeconds = 3;

        var code = await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(32)), "--concurrency", "32");

        Assert.True(code == ExitCodes.Done, _client.Error);
        Assert.Equal(SendHarness.Events(32).Order(), api.Records.Order());
    }
}
