using System.Globalization;
using Microsoft.AspNetCore.Http;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>A permanent error ends a send at once, with one line that names the cause. A proxy's error is not treated as the API's.</summary>
public sealed class PermanentErrorTests : IDisposable
{
    private readonly SendHarness _client = new();

    public PermanentErrorTests() => _client.Options.GiveUpAfterSeconds = 600;

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task An_untrusted_certificate_ends_the_send_at_once()
    {
        await using var server = await StubServer.StartAsync(context => StubServer.Page(context, 200), withTls: true);

        await AssertEndsAsync($"https://localhost:{server.Port}/", "its certificate is from an authority that this machine does not trust");
    }

    [Fact]
    public async Task Https_to_a_port_without_TLS_ends_the_send_at_once()
    {
        await using var api = await FakeApi.StartAsync();

        await AssertEndsAsync($"https://127.0.0.1:{api.Url.Port}/", "it does not answer with TLS");
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_ends_the_send_at_once_and_names_the_address_without_secrets(int status)
    {
        await using var server = await StubServer.StartAsync(context =>
        {
            context.Response.Headers.Location = "https://user:hunter2@api.example/x?token=hunter2";
            return StubServer.Page(context, status);
        });

        await AssertEndsAsync($"http://127.0.0.1:{server.Port}/", $"it redirects ({status}) to https://api.example/x");

        Assert.DoesNotContain("hunter2", _client.Error, StringComparison.Ordinal);
        Assert.Equal(["GET /liveEvents/state"], server.Requests);
    }

    [Theory]
    [InlineData(403, "it answers 403 (forbidden)")]
    [InlineData(407, "the proxy asks for a user name and a password (407)")]
    [InlineData(511, "the network asks for a login first (511)")]
    public async Task A_refusal_by_a_proxy_is_not_reported_as_a_wrong_secret(int status, string cause)
    {
        await using var server = await StubServer.StartAsync(context => StubServer.Page(context, status));

        await AssertEndsAsync($"http://127.0.0.1:{server.Port}/", cause);

        Assert.DoesNotContain("secret", _client.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "a proxy in front of it asks for a login")]
    [InlineData(403, "a proxy or a firewall in front of it refuses the request")]
    [InlineData(422, "answers 422, unlike the API")]
    [InlineData(501, "answers 501, unlike the API")]
    [InlineData(505, "answers 505, unlike the API")]
    public async Task A_page_of_a_proxy_instead_of_an_answer_of_the_api_ends_the_send_at_once(int status, string cause)
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, number) =>
        {
            if (number <= 3)
            {
                return false;
            }

            await StubServer.Page(context, status);
            return true;
        };
        var file = _client.Write("a.jsonl", SendHarness.Events(10));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "1"));

        Assert.Contains(cause, _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("other content", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("refuses the secret", _client.Error, StringComparison.Ordinal);
        Assert.Equal(4, api.Keys.Count);
        Assert.Contains("--resume", _client.Error, StringComparison.Ordinal);

        api.Before = (_, _) => Task.FromResult(false);
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(SendHarness.Events(10).Order(), api.Records.Order());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("4")]
    public async Task A_413_from_a_proxy_rejects_no_line(string? batch)
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            await StubServer.Page(context, 413);
            return true;
        };
        var file = _client.Write("a.jsonl", SendHarness.Events(10));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, batch is null ? [] : ["--batch", batch]));

        Assert.Contains("a proxy in front of the API refuses the request as too large (413)", _client.Error, StringComparison.Ordinal);
        Assert.Null(SendHarness.Rejected(file));
    }

    [Fact]
    public async Task A_batch_too_large_for_a_proxy_is_split_until_it_passes()
    {
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            if (context.Request.ContentLength < 200)
            {
                return false;
            }

            await StubServer.Page(context, 413);
            return true;
        };

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(40)), "--batch", "16"));

        Assert.Equal(SendHarness.Events(40).Order(), api.Records.Order());
    }

    [Theory]
    [InlineData("99999999999999999999999")]
    [InlineData("2147483648")]
    [InlineData("4000000.5")]
    public async Task A_Retry_After_that_overflows_a_number_is_a_long_wait(string retryAfter)
    {
        _client.Options.GiveUpAfterSeconds = 20;
        await using var api = await FakeApi.StartAsync();
        api.Before = async (context, _) =>
        {
            await FakeApi.Answer(context, 503, retryAfter);
            return true;
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(1))));

        Assert.Contains("asks to wait at least 86400 s (503: provoked 503)", _client.Error, StringComparison.Ordinal);
        Assert.Single(api.Keys);
    }

    [Fact]
    public async Task Lines_accepted_by_another_log_are_not_sent_again()
    {
        await using var api = await FakeApi.StartAsync();
        var first = api.LogId;
        api.Before = (_, number) =>
        {
            // Simulates two APIs, each with a log, that share one address.
            api.LogId = number == 5 ? Guid.NewGuid() : first;
            return Task.FromResult(false);
        };
        var file = _client.Write("a.jsonl", SendHarness.Events(20));

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "1"));
        Assert.Contains("several APIs with a log each", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("without --resume", _client.Error, StringComparison.Ordinal);

        api.LogId = first;
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--resume"));
        Assert.Equal(20, api.Keys.Count);
        Assert.Equal(20, api.Keys.Distinct().Count());
    }

    [Theory]
    [InlineData("http://user:hunter2@127.0.0.1:1")]
    [InlineData("http://user:hun/ter2@127.0.0.1:1")]
    [InlineData("htp://user:hunter2@127.0.0.1:1")]
    [InlineData("user:hunter2@127.0.0.1:1")]
    [InlineData("http://hunter2@127.0.0.1:1")]
    public async Task A_password_in_the_address_is_refused_and_never_printed(string url)
    {
        var file = _client.Write("a.jsonl", SendHarness.Events(1));

        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync("send", file, "--url", url));
        Assert.Equal(ExitCodes.WrongUsage, await _client.RunAsync("load", "--url", url));

        Assert.Contains("--url: an address must not contain a user name or password", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("ter2", _client.Error + _client.Out, StringComparison.Ordinal);
    }

    private async Task AssertEndsAsync(string url, string cause)
    {
        var file = _client.Write("a.jsonl", SendHarness.Events(3));
        var code = await _client.RunAsync("send", file, "--url", url).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(ExitCodes.NotDone, code);
        var line = _client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[0];
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"Nothing can be sent to {url}: "), line, StringComparison.Ordinal);
        Assert.Contains(cause, line, StringComparison.Ordinal);
        Assert.DoesNotContain("waiting for", _client.Error, StringComparison.Ordinal);
    }
}
