using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.IdentityModel.JsonWebTokens;
using RevenueAspire.Client.Credentials;
using RevenueAspire.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Tokens from a real token server instead of the secret.</summary>
public sealed class ClientCredentialsTests : ServiceFixture, IDisposable
{
    private readonly SendHarness _client = new();

    void IDisposable.Dispose()
    {
        _client.Dispose();
        Dispose();
    }

    [Fact]
    public async Task A_run_fetches_one_token()
    {
        await using var identity = await IdentityServer.StartAsync();
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = header => header.StartsWith("Bearer ey", StringComparison.Ordinal);
        identity.Configure(_client.Options);

        var code = await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(200)));

        Assert.True(code == ExitCodes.Done, _client.Error);
        Assert.Single(api.Authorizations.Distinct());
        Assert.Single(identity.Requests, "/.well-known/openid-configuration");
        Assert.Single(identity.Requests, "/connect/token");
    }

    [Fact]
    public async Task A_token_is_renewed_in_the_background_before_it_expires()
    {
        var time = new SetTime();
        var next = new TaskCompletionSource<TokenAnswer>();
        var fetches = new Queue<Task<TokenAnswer>>([Task.FromResult(new TokenAnswer("a", TimeSpan.FromSeconds(10))), next.Task]);
        var credential = new ClientCredentials("https://login.example", () => fetches.Dequeue(), time);
        Assert.Equal("Bearer a", await credential.GetAsync(CancellationToken.None));
        time.Now = TimeSpan.FromSeconds(7.9);
        Assert.Equal("Bearer a", await credential.GetAsync(CancellationToken.None));
        Assert.True(fetches.Count == 1, "The token was renewed too early.");

        // The previous token stays in use until the new one arrives.
        time.Now = TimeSpan.FromSeconds(8.1);
        Assert.Equal("Bearer a", await credential.GetAsync(CancellationToken.None));
        await Eventually.IsTrueAsync(() => fetches.Count == 0);
        Assert.Equal("Bearer a", await credential.GetAsync(CancellationToken.None));

        // When the token has expired, the caller waits.
        time.Now = TimeSpan.FromSeconds(10);
        var late = credential.GetAsync(CancellationToken.None);
        Assert.False(late.IsCompleted);
        next.SetResult(new TokenAnswer("b"));
        Assert.Equal("Bearer b", await late);
    }

    [Fact]
    public async Task A_run_continues_when_tokens_last_only_seconds()
    {
        await using var identity = await IdentityServer.StartAsync(TimeSpan.FromSeconds(2));
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = header => new JsonWebToken(header["Bearer ".Length..]).ValidTo > DateTime.UtcNow;
        identity.Configure(_client.Options);

        var file = _client.Write("a.jsonl", SendHarness.Events(150));
        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--rate", "30", "--concurrency", "8"));

        Assert.NotEqual(1, api.Authorizations.Distinct().Count());
        Assert.Equal(150, api.Records.Count);
    }

    [Fact]
    public async Task A_refused_token_is_renewed_once_for_all_requests_in_flight_and_keys_stay_the_same()
    {
        await using var identity = await IdentityServer.StartAsync();
        await using var api = await FakeApi.StartAsync();
        var first = "";
        api.Delay = TimeSpan.FromMilliseconds(50);
        api.Authorizes = header =>
        {
            Interlocked.CompareExchange(ref first, header, "");
            return header != first;
        };
        identity.Configure(_client.Options);

        var code = await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(100)), "--concurrency", "16");

        Assert.True(code == ExitCodes.Done, _client.Error);
        Assert.Equal(2, api.Authorizations.Distinct().Count());
        Assert.Equal(2, identity.Requests.Count(path => path == "/connect/token"));
        Assert.Equal(100, api.Keys.Distinct().Count());
        Assert.Equal(100, api.Records.Count);
    }

    [Fact]
    public async Task A_second_refusal_after_renewal_is_reported_in_one_line()
    {
        await using var identity = await IdentityServer.StartAsync();
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = _ => false;
        api.Refusal = (401, """{"detail":"The issuer is unknown."}""");
        identity.Configure(_client.Options);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(5)), "--concurrency", "1"));

        Assert.Equal($"The API at {api.Url} refuses the token of {identity.Url} (401): The issuer is unknown.", _client.Error.Split('\n')[0]);
        Assert.Equal(2, api.Keys.Count);
        Assert.DoesNotContain("ey", _client.Error.Replace("key", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("wrong", null, "refuses Client:ClientId with Client:ClientSecret (invalid_client): Wrong secret ***.")]
    [InlineData(IdentityServer.ClientSecret, "ledger.read", "refuses the scope ledger.read (invalid_scope): ")]
    public async Task A_refusal_of_the_token_server_ends_the_send_at_once(string secret, string? scope, string cause)
    {
        await using var identity = await IdentityServer.StartAsync();
        await using var api = await FakeApi.StartAsync();
        identity.Configure(_client.Options);
        (_client.Options.ClientSecret, _client.Options.Scope) = (secret, scope);
        (_client.Options.GiveUpAfterSeconds, _client.Options.RequestTimeoutSeconds) = (600, 60);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(5))));

        Assert.Contains($"Nothing can be sent to {api.Url}: the token server {identity.Url} {cause}", _client.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task Send_waits_for_a_token_server_that_is_down_for_a_while()
    {
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = header => header.StartsWith("Bearer ey", StringComparison.Ordinal);
        var port = FreePort.Next();
        (_client.Options.Authority, _client.Options.ClientId, _client.Options.ClientSecret) =
            ($"http://127.0.0.1:{port}", IdentityServer.ClientId, IdentityServer.ClientSecret);
        _client.Options.GiveUpAfterSeconds = 30;

        var send = _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(5)));
        await Task.Delay(1500);
        await using var identity = await IdentityServer.StartAsync(port: port);

        Assert.True(await send == ExitCodes.Done, _client.Error);
        Assert.Contains($"the token server http://127.0.0.1:{port}: connection refused", _client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_server_that_stays_down_is_named_in_the_error()
    {
        await using var api = await FakeApi.StartAsync();
        (_client.Options.Authority, _client.Options.ClientId, _client.Options.ClientSecret, _client.Options.GiveUpAfterSeconds) =
            ("http://127.0.0.1:1", "a", "b", 1);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(5))));

        Assert.Equal(
            $"There is no token for {api.Url}: the token server http://127.0.0.1:1: connection refused.",
            _client.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]);
        Assert.Empty(api.Keys);
    }

    [Theory]
    [InlineData("slow", "did not answer within 1 s")]
    [InlineData("503", "answers 503")]
    [InlineData("html", "did not send a valid token answer")]
    [InlineData("404", "answers 404")]
    [InlineData("redirect", "answers 302")]
    [InlineData("elsewhere", "did not send a valid token answer (Endpoint does not use HTTPS")]
    [InlineData("no token", "issued no bearer token")]
    public async Task A_faulty_token_server_is_named_with_the_cause(string kind, string cause)
    {
        await using var server = await StubServer.StartAsync(context => AnswerAsync(context, kind));
        await using var api = await FakeApi.StartAsync();
        (_client.Options.Authority, _client.Options.ClientId, _client.Options.ClientSecret) = ($"http://127.0.0.1:{server.Port}", "a", "b");
        (_client.Options.GiveUpAfterSeconds, _client.Options.RequestTimeoutSeconds) = (1, 2);

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, _client.Write("a.jsonl", SendHarness.Events(5))).WaitAsync(TimeSpan.FromSeconds(20)));

        Assert.True(_client.Error.Contains($"the token server http://127.0.0.1:{server.Port} {cause}", StringComparison.Ordinal), _client.Error);
        Assert.DoesNotContain("   at ", _client.Error, StringComparison.Ordinal);
        Assert.Empty(api.Keys);
    }

    [Fact]
    public async Task The_service_uses_one_token_for_all_runs_and_shows_neither_token_nor_secret()
    {
        await using var identity = await IdentityServer.StartAsync();
        await using var api = await FakeApi.StartAsync();
        api.Authorizes = header => header.StartsWith("Bearer ey", StringComparison.Ordinal);
        await using var client = await StartAsync(
            api.Url,
            Write(SendHarness.Events(4)),
            ("ASPNETCORE_ENVIRONMENT", "Production"),
            ("Client__SendOnStart", "true"),
            ("Client__Authority", identity.Url),
            ("Client__ClientId", IdentityServer.ClientId),
            ("Client__ClientSecret", IdentityServer.ClientSecret));

        await client.WaitForLineAsync("was sent: 4 lines");
        using var answer = await Http.PostAsync(Generate, null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        Assert.Equal(8, api.Records.Count);
        Assert.Single(identity.Requests, "/connect/token");
        Assert.DoesNotContain("hunter2", client.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("eyJ", client.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_service_answers_502_while_there_is_no_token()
    {
        await using var api = await FakeApi.StartAsync();
        await using var client = await StartAsync(
            api.Url,
            Write(SendHarness.Events(4)),
            ("Client__Authority", "http://127.0.0.1:1"),
            ("Client__ClientId", "a"),
            ("Client__ClientSecret", "b"));

        using var answer = await Http.PostAsync(Generate, null);

        await AssertProblemAsync(HttpStatusCode.BadGateway, "the token server http://127.0.0.1:1: connection refused", answer);
    }

    [Fact]
    public async Task Without_client_credentials_the_library_is_not_loaded()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc lists the libraries of a process on Linux only.");
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write("a.jsonl", SendHarness.Events(4));
        await using var send = ServiceProcess.Start(
            "RevenueAspire.Client",
            ["send", file, "--follow", "--url", api.Url.ToString()],
            new Dictionary<string, string?> { ["Data__Directory"] = _client.Path("data") });
        await Eventually.EqualsAsync(4, () => Task.FromResult(api.Records.Count));

        var maps = await File.ReadAllTextAsync($"/proc/{send.Id}/maps");

        Assert.Contains("RevenueAspire.Client", maps, StringComparison.Ordinal);
        Assert.DoesNotContain("Duende", maps, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Client:Authority: contradicts Client:Secret.", "Secret=s", "Authority=https://a", "ClientId=b", "ClientSecret=c")]
    [InlineData("Client:TokenFile: contradicts Client:Secret.", "Secret=s", "TokenFile=xunit.runner.json")]
    [InlineData("Client:Authority: contradicts Client:TokenFile.", "TokenFile=xunit.runner.json", "Authority=https://a", "ClientId=b", "ClientSecret=c")]
    [InlineData("Client:ClientId: is not set, but Client:Authority is.", "Authority=https://a", "ClientSecret=c")]
    [InlineData("Client:ClientSecret: is not set, but Client:Authority is.", "Authority=https://a", "ClientId=b")]
    [InlineData("Client:ClientSecret: must not be empty", "Authority=https://a", "ClientId=b", "ClientSecret= ")]
    [InlineData("Client:Scope: is set, but Client:Authority is not.", "Scope=a")]
    [InlineData("Client:Authority: must be an address", "Authority=http://login.example.com", "ClientId=b", "ClientSecret=c")]
    [InlineData("Client:Authority: must be an address", "Authority=https://hunter2@a", "ClientId=b", "ClientSecret=c")]
    [InlineData("Client:Authority: must be an address", "Authority=", "ClientId=b", "ClientSecret=c")]
    public void A_bad_or_contradictory_setting_is_refused_by_name(string message, params string[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => setting.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]))).Build();

        var result = new AnnotatedOptions<ClientOptions>(ClientOptions.Section).Validate(null, configuration.Get<ClientOptions>()!);

        Assert.Contains(result.Failures!, failure => failure.StartsWith(message, StringComparison.Ordinal));
        Assert.DoesNotContain("hunter2", string.Join('\n', result.Failures!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Contradictory_settings_end_the_start_with_one_line() => await AssertFailsAsync(
        "Client:TokenFile: contradicts Client:Secret.",
        ("ASPNETCORE_URLS", $"http://127.0.0.1:{Port}"), ("Client__Secret", "s"), ("Client__TokenFile", Write(["token"])));

    private sealed class SetTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private static async Task AnswerAsync(HttpContext context, string kind)
    {
        var server = $"http://{context.Request.Host}";
        var isToken = context.Request.Path == "/token";
        switch (kind)
        {
            case "slow":
                await Task.Delay(TimeSpan.FromSeconds(20), context.RequestAborted);
                break;
            case "503" or "404":
                await StubServer.Page(context, int.Parse(kind, null));
                break;
            case "html":
                await StubServer.Page(context, 200);
                break;
            case "redirect":
                context.Response.Redirect("http://127.0.0.1:1/");
                break;
            case "elsewhere":
                await context.Response.WriteAsJsonAsync(new { issuer = server, token_endpoint = "http://login.example.com/token" });
                break;
            default:
                await context.Response.WriteAsJsonAsync(isToken ? (object)new { token_type = "mac", access_token = "a" } : new
                {
                    issuer = server,
                    token_endpoint = server + "/token",
                });
                break;
        }
    }
}
