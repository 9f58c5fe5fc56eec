using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>Retries: which requests are repeated, with which key, and when the client gives up.</summary>
public sealed class RetryTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task A_temporary_failure_is_retried_with_the_same_key(int status)
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, number) =>
        {
            if (number > 6 && number != 8)
            {
                return false;
            }

            await FakeApi.Answer(context, status);
            return true;
        };

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(6)), "--concurrency", "6"));

        Assert.Equal(SendHarness.Events(6).Order(), api.Records.Order());
        Assert.Equal(6, api.Keys.Distinct().Count());
        Assert.Equal(13, api.Keys.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("7")]
    public async Task A_connection_cut_before_or_after_the_append_counts_each_line_once(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = (context, number) =>
        {
            if (number % 5 == 1)
            {
                context.Abort();
                return Task.FromResult(true);
            }

            return Task.FromResult(false);
        };
        api.LosesAnswer = (_, number) => number % 5 == 2;

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(100)), batch is null ? [] : ["--batch", batch]));

        Assert.Equal(SendHarness.Events(100).Order(), api.Records.Order());
    }

    [Fact]
    public async Task Connections_reset_at_once_are_reported_as_lost()
    {
        using var door = new TcpListener(IPAddress.Loopback, 0);
        door.Start();
        using var stop = new CancellationTokenSource();
        var slamming = Task.Run(async () =>
        {
            // Open many connections, because only some resets arrive before the client queries the socket's remote address.
            while (true)
            {
                (await door.AcceptSocketAsync(stop.Token)).Close(0);
            }
        });
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var connection = new ApiConnection(http, new Uri($"http://{door.LocalEndpoint}"), new Credentials.SharedSecret("secret"));
        await Parallel.ForAsync(0, 1500, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, token) =>
        {
            var lost = await Record.ExceptionAsync(() => connection.GetLogStateAsync(token));
            Assert.True(lost is HttpRequestException or IOException, $"{lost?.GetType()} is not recognised as a lost connection: {lost}");
        });
        await stop.CancelAsync();
        await slamming.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task An_attempt_without_an_answer_is_repeated()
    {
        await using var api = await FakeApi.StartAsync();
        _client.Options.RequestTimeoutSeconds = 1;
        api.Before = async (context, number) =>
        {
            if (number == 1)
            {
                await Task.Delay(TimeSpan.FromSeconds(30), context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return true;
            }

            return false;
        };

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(3)), "--concurrency", "1"));

        Assert.Equal(SendHarness.Events(3), api.Records);
        Assert.Equal(4, api.Keys.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Retry_After_is_honoured(bool asDate)
    {
        await using var api = await FakeApi.StartAsync();
        var first = 0L;
        var second = 0L;
        api.Before = async (context, number) =>
        {
            if (number == 1)
            {
                first = Stopwatch.GetTimestamp();
                // A date has whole seconds, so 3 s from now is at least 2 s.
                await FakeApi.Answer(context, 503, asDate ? DateTimeOffset.UtcNow.AddSeconds(3).ToString("R") : "2");
                return true;
            }

            second = second == 0 ? Stopwatch.GetTimestamp() : second;
            return false;
        };

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1))));

        Assert.InRange(Stopwatch.GetElapsedTime(first, second).TotalSeconds, 1.9, 45);
        Assert.Contains("provoked 503", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Retry_After_longer_than_the_limit_ends_the_run_at_once()
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            await FakeApi.Answer(context, 503, "3600");
            return true;
        };
        var start = Stopwatch.GetTimestamp();

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1))));

        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 60);
    }

    [Fact]
    public async Task Send_gives_up_after_a_limited_time_and_prints_the_command_to_continue()
    {
        await using var api = await FakeApi.StartAsync();
        _client.Options.GiveUpAfterSeconds = 1;
        var file = _client.Write("a.jsonl", SendHarness.Events(30));
        var isAway = true;
        api.Before = async (context, number) =>
        {
            if (number <= 10 || !isAway)
            {
                return false;
            }

            await FakeApi.Answer(context, 503);
            return true;
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "1"));
        Assert.Contains("was unavailable for too long (503: provoked 503)", _client.Error, StringComparison.Ordinal);
        Assert.Contains(
            $"10 lines accepted, 0 rejected, sent without gaps up to line 10. Continue with: RevenueAspire.Client send {file} --url {api.Url} --resume",
            _client.Error,
            StringComparison.Ordinal);

        isAway = false;
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(30).Order(), api.Records.Order());
        Assert.Contains("30 lines sent, 30 accepted", _client.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_secret_ends_the_send_at_once_with_one_line()
    {
        await using var api = await FakeApi.StartAsync();

        Assert.Equal(
            ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1000)), "--secret", "wrong", "--concurrency", "4"));

        Assert.Contains($"The API at {api.Url} refuses the secret (401). Set --secret or Client:Secret.", _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
        Assert.Empty(api.Records);
    }

    [Theory]
    [InlineData(302)]
    [InlineData(404)]
    [InlineData(415)]
    [InlineData(200)]
    public async Task An_answer_that_is_not_the_apis_stops_the_run(int status)
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            await FakeApi.Answer(context, status);
            return true;
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1))));

        Assert.Contains($"answers {status}", _client.Error, StringComparison.Ordinal);
        Assert.Contains("check the address", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_202_without_a_receipt_is_an_error()
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            await FakeApi.Answer(context, 202);
            return true;
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1))));

        Assert.Contains("202 without a receipt", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("4")]
    public async Task A_request_whose_answer_was_lost_is_not_sent_again_once_its_key_is_forgotten(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        api.LosesAnswer = (_, number) =>
        {
            if (number != 5)
            {
                return false;
            }

            // Simulate other clients that send more requests than the API remembers.
            api.Offset += 100_000;
            api.KeysFrom = api.Offset - 1000;
            return true;
        };

        Assert.Equal(
            ExitCodes.NotDone,
            await _client.SendAsync(
                api, _client.Write("a.jsonl", SendHarness.Events(40)), ["--concurrency", "1", .. batch is null ? (string[])[] : ["--batch", batch]]));

        Assert.Contains("(its answer was lost)", _client.Error, StringComparison.Ordinal);
        Assert.Contains("no longer remembers the keys of its open requests", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Continue with", _client.Error, StringComparison.Ordinal);
        Assert.Equal(api.Keys.Count, api.Keys.Distinct().Count());
        Assert.Equal(api.Records.Count, api.Records.Distinct().Count());
    }

    [Fact]
    public async Task A_request_whose_answer_was_lost_is_not_sent_to_another_log()
    {
        await using var api = await FakeApi.StartAsync();
        api.LosesAnswer = (_, number) =>
        {
            api.LogId = number == 5 ? Guid.NewGuid() : api.LogId;
            return number == 5;
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(40)), "--concurrency", "1"));

        Assert.Contains("has another log", _client.Error, StringComparison.Ordinal);
        Assert.Equal(5, api.Keys.Count);
    }

    [Fact]
    public async Task Workers_share_one_key_query_per_second()
    {
        await using var api = await FakeApi.StartAsync();
        api.LosesAnswer = (_, number) => number <= 64;

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(64)), "--concurrency", "32"));

        Assert.Equal(64, api.Records.Count);
        Assert.InRange(api.StateReads, 2, 1 + 8);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task Nothing_is_sent_to_an_api_that_remembers_fewer_keys_than_requests_in_flight(int window)
    {
        await using var api = await FakeApi.StartAsync();
        api.KeyWindow = window;
        var file = _client.Write("a.jsonl", SendHarness.Events(3));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "8"));
        Assert.Contains(
            $"remembers the keys of only {window} requests (EventLog:KeyWindow)",
            Assert.Single(_client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)),
            StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task A_key_known_with_another_body_stops_the_run_without_advice_to_resume()
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, number) =>
        {
            if (number < 5)
            {
                return false;
            }

            await FakeApi.Answer(context, 422);
            return true;
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(10)), "--concurrency", "1"));

        Assert.Contains("with other content (422)", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("--resume", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_receipt_of_another_log_stops_the_run()
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = (_, number) =>
        {
            api.LogId = number == 3 ? Guid.NewGuid() : api.LogId;
            return Task.FromResult(false);
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(10)), "--concurrency", "1"));

        Assert.Contains("Its data was replaced during the run", _client.Error, StringComparison.Ordinal);
    }
}
