using System.Net;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>The calls of the service, against an API that can be made to fail.</summary>
public sealed class GenerateEventsTests : ServiceFixture
{
    [Fact]
    public async Task POST_and_GET_send_the_configured_file_each_time()
    {
        await using var api = await FakeApi.StartAsync();
        var file = Write([.. SendHarness.Events(4), "bad"]);
        await using var client = await StartAsync(api.Url, file);

        using var first = await Http.PostAsync(Generate, null);
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal($$"""{"file":"{{JsonEncodedText.Encode(file)}}","sent":5,"accepted":4,"rejected":1}""", await first.Content.ReadAsStringAsync());
        using var second = await Http.GetAsync(Generate);
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);

        Assert.Equal(8, api.Records.Count);
        Assert.Equal("bad\n", File.ReadAllText(file + ".rejected.jsonl"));
        Assert.Equal(0, await client.TerminateAsync());
    }

    [Fact]
    public async Task Without_a_setting_the_sample_beside_the_program_is_sent_to_the_discovered_api()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await StartAsync(new Uri("https+http://api"), file: null, ("services__api__http__0", api.Url.ToString()));

        using var answer = await Http.PostAsync(Generate, null);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(File.ReadAllLines(Path.Combine(Repository.Root, "src/RevenueAspire.Client/events.jsonl")).Order(), api.Records.Order());
    }

    [Fact]
    public async Task A_second_call_during_a_run_answers_409()
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromSeconds(2);
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(1)));

        var first = Http.PostAsync(Generate, null);
        await Eventually.IsTrueAsync(() => !api.Keys.IsEmpty);
        using var second = await Http.PostAsync(Generate, null);

        await AssertProblemAsync(HttpStatusCode.Conflict, "being sent already", second);
        using var answer = await first;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Single(api.Records);
    }

    [Fact]
    public async Task A_caller_that_goes_away_does_not_leave_the_file_half_sent()
    {
        await using var api = await FakeApi.StartAsync();
        api.Delay = TimeSpan.FromMilliseconds(300);
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(20)), ("Client__Concurrency", "4"));
        using var gone = new CancellationTokenSource();

        var call = Http.PostAsync(Generate, null, gone.Token);
        await Eventually.IsTrueAsync(() => !api.Keys.IsEmpty);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);

        await Eventually.EqualsAsync(20, () => Task.FromResult(api.Records.Count));
    }

    [Fact]
    public async Task An_api_that_is_away_answers_502()
    {
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), Write(SendHarness.Events(1)));

        using var answer = await Http.PostAsync(Generate, null);

        await AssertProblemAsync(HttpStatusCode.BadGateway, "connection refused", answer);
    }

    [Fact]
    public async Task A_refused_secret_answers_502_and_names_the_setting()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(1)), ("Client__Secret", "wrong"));

        using var answer = await Http.PostAsync(Generate, null);

        await AssertProblemAsync(HttpStatusCode.BadGateway, "Client:Secret", answer);
    }

    [Fact]
    public async Task A_missing_file_answers_500_and_names_the_setting()
    {
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), FilePath("none.jsonl"));

        using var answer = await Http.PostAsync(Generate, null);

        await AssertProblemAsync(HttpStatusCode.InternalServerError, "Client:File", answer);
    }

    [Fact]
    public async Task An_unknown_path_has_the_same_shape_of_problem()
    {
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), null);

        using var answer = await Http.GetAsync(new Uri(Generate, "/nothing"));

        await AssertProblemAsync(HttpStatusCode.NotFound, "/generateEvents", answer);
    }

    [Theory]
    [InlineData("/generateEvents", "GET, POST")]
    [InlineData("/health", "GET, HEAD")]
    [InlineData("/alive", "GET, HEAD")]
    public async Task Every_method_that_is_not_documented_is_405(string path, string allowed)
    {
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), null);
        foreach (var method in ((string[])["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]).Except(allowed.Split(", ")))
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Generate, path));
            using var answer = await Http.SendAsync(request);

            Assert.True(
                (HttpStatusCode.MethodNotAllowed, allowed) == (answer.StatusCode, string.Join(", ", answer.Content.Headers.Allow.Order())),
                $"{method} {path} is answered with {(int)answer.StatusCode}");
        }
    }

    [Fact]
    public async Task A_run_that_was_cut_off_and_whose_keys_are_forgotten_is_named_with_its_journal_and_begins_anew_on_purpose()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await CutOffAsync(api);
        api.KeysFrom = long.MaxValue;

        using var refused = await Http.PostAsync(Generate, null);
        await AssertProblemAsync(HttpStatusCode.InternalServerError, "older than the API remembers keys", refused);
        var detail = await refused.Content.ReadAsStringAsync();
        Assert.Contains("?again=true", detail, StringComparison.Ordinal);
        Assert.Contains(FilePath("data/client/generate-"), detail, StringComparison.Ordinal);
        using var wrong = await Http.PostAsync(new Uri(Generate, "?again=perhaps"), null);
        await AssertProblemAsync(HttpStatusCode.BadRequest, "again:", wrong);

        api.KeysFrom = 0;
        using var again = await Http.PostAsync(new Uri(Generate, "?again=true"), null);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(5 + 12, api.Records.Count);
        using var next = await Http.PostAsync(Generate, null);
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    [Fact]
    public async Task A_run_that_was_cut_off_in_another_log_begins_anew_and_the_log_says_so()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await CutOffAsync(api);
        api.LogId = Guid.NewGuid();

        using var answer = await Http.PostAsync(Generate, null);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(5 + 12, api.Records.Count);
        await client.WaitForLineAsync("which has nothing of it");
    }

    /// <summary>The service after a run of 12 lines of which 5 were taken.</summary>
    private async Task<ServiceProcess> CutOffAsync(FakeApi api)
    {
        api.Before = async (context, number) =>
        {
            if (number <= 5)
            {
                return false;
            }

            await FakeApi.Answer(context, 503);
            return true;
        };
        var client = await StartAsync(api.Url, Write(SendHarness.Events(12)), ("Client__GiveUpAfterSeconds", "1"), ("Client__Concurrency", "1"));
        using var first = await Http.PostAsync(Generate, null);
        await AssertProblemAsync(HttpStatusCode.BadGateway, "the next call", first);
        api.Before = (_, _) => Task.FromResult(false);
        return client;
    }

    [Fact]
    public async Task A_run_that_was_cut_off_is_taken_up_by_the_next_call()
    {
        await using var api = await FakeApi.StartAsync();
        var isAway = true;
        api.Before = async (context, number) =>
        {
            if (!isAway || number <= 5)
            {
                return false;
            }

            await FakeApi.Answer(context, 503);
            return true;
        };
        await using var client = await StartAsync(api.Url, Write(SendHarness.Events(12)), ("Client__GiveUpAfterSeconds", "1"), ("Client__Concurrency", "1"));

        using var first = await Http.PostAsync(Generate, null);
        await AssertProblemAsync(HttpStatusCode.BadGateway, "the next call", first);
        isAway = false;
        using var second = await Http.PostAsync(Generate, null);

        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Contains("\"sent\":12,\"accepted\":12", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(SendHarness.Events(12).Order(), api.Records.Order());
    }
}
