using System.Net;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Calls of the service, with an API that can fail on demand.</summary>
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
    public async Task Without_settings_the_sample_file_is_sent_to_the_discovered_api()
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

        await AssertProblemAsync(HttpStatusCode.Conflict, "A run is already in progress", second);
        using var answer = await first;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Single(api.Records);
    }

    [Fact]
    public async Task A_run_completes_after_its_caller_disconnects()
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
    public async Task An_unavailable_api_answers_502()
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
    public async Task An_unknown_path_answers_with_a_problem_of_the_same_shape()
    {
        await using var client = await StartAsync(new Uri("http://127.0.0.1:1"), null);

        using var answer = await Http.GetAsync(new Uri(Generate, "/nothing"));

        await AssertProblemAsync(HttpStatusCode.NotFound, "/generateEvents", answer);
    }

    [Theory]
    [InlineData("/generateEvents", "GET, POST")]
    [InlineData("/health", "GET, HEAD")]
    [InlineData("/alive", "GET, HEAD")]
    public async Task Every_undocumented_method_answers_405(string path, string allowed)
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
    public async Task An_interrupted_run_with_forgotten_keys_is_refused_unless_again_is_set()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await InterruptRunAsync(api);
        api.KeysFrom = long.MaxValue;

        using var refused = await Http.PostAsync(Generate, null);
        await AssertProblemAsync(HttpStatusCode.InternalServerError, "no longer remembers the keys of its open requests", refused);
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
    public async Task A_run_interrupted_in_another_log_starts_again_with_a_warning()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await InterruptRunAsync(api);
        api.LogId = Guid.NewGuid();

        using var answer = await Http.PostAsync(Generate, null);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(5 + 12, api.Records.Count);
        await client.WaitForLineAsync("which contains none of it");
    }

    /// <summary>Starts the service and interrupts a run of 12 lines after 5 accepted lines.</summary>
    private async Task<ServiceProcess> InterruptRunAsync(FakeApi api)
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
        await AssertProblemAsync(HttpStatusCode.BadGateway, "The next call", first);
        api.Before = (_, _) => Task.FromResult(false);
        return client;
    }

    [Fact]
    public async Task The_next_call_resumes_an_interrupted_run()
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
        await AssertProblemAsync(HttpStatusCode.BadGateway, "The next call", first);
        isAway = false;
        using var second = await Http.PostAsync(Generate, null);

        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Contains("\"sent\":12,\"accepted\":12", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(SendHarness.Events(12).Order(), api.Records.Order());
    }
}
