using System.Net;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.IdentityModel.Tokens;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>The calls that a token grants. Keys, and the server that publishes them, are real.</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private static readonly TokenKey Rsa = TokenKey.Rsa("rsa");
    private static readonly TokenKey Ec = TokenKey.Ec("ec");

    private readonly TempDirectory _directory = new();
    private IdentityHost _identity = null!;
    private ApiHost _api = null!;

    public async ValueTask InitializeAsync()
    {
        _identity = await IdentityHost.StartAsync(Rsa, Ec);
        _api = await ApiHost.StartAsync(_directory, await TestPostgres.CreateDatabaseAsync(), _identity.Settings);
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _identity.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_token_grants_sending_from_its_first_request_on()
    {
        foreach (var token in new[] { Rsa.Sign(), Ec.Sign(), Ec.Sign("openid events.write"), Rsa.Sign("", claims: ("scp", new[] { "a", "events.write" })) })
        {
            for (var i = 0; i < 3; i++)
            {
                (await _api.PostEventAsync(Sample.Plain, Bearer(token))).Expect(HttpStatusCode.Accepted);
                (await _api.PostEventsAsync(Sample.Plain, Bearer(token))).Expect(HttpStatusCode.Accepted);
            }
        }

        Assert.Equal(24, _api.Records().Count);
    }

    [Fact]
    public async Task A_token_may_expire_at_the_end_of_time()
    {
        var token = Rsa.Sign(expiresIn: new DateTime(9999, 12, 31, 23, 59, 30, DateTimeKind.Utc) - DateTime.UtcNow);

        for (var i = 0; i < 2; i++)
        {
            (await _api.PostEventAsync(Sample.Plain, Bearer(token))).Expect(HttpStatusCode.Accepted);
        }
    }

    [Fact]
    public async Task The_last_secret_may_be_removed_if_tokens_are_accepted()
    {
        using var directory = new TempDirectory();
        var settings = new Dictionary<string, string?> { ["Ingest:Secrets"] = "leaked" };
        IConfigurationRoot? configuration = null;
        await using var api = await ApiHost.StartAsync(
            directory, null,
            builder => configuration = ((IConfigurationBuilder)builder.Configuration).Add(new ReloadableSource(settings)) as IConfigurationRoot,
            _identity.Settings);
        (await api.PostEventAsync(Sample.Plain, ("Authorization", "leaked"))).Expect(HttpStatusCode.Accepted);

        settings["Ingest:Secrets"] = "";
        configuration!.Reload();

        (await api.PostEventAsync(Sample.Plain, ("Authorization", "leaked"))).ExpectProblem(401, "Authorization");
        (await api.PostEventAsync(Sample.Plain, Bearer(Rsa.Sign()))).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_change_of_shared_keys_needs_a_restart()
    {
        using var directory = new TempDirectory();
        byte[][] keys = [new byte[32], [.. Enumerable.Repeat((byte)1, 32)]];
        const string Section = "Authentication:Schemes:Bearer:";
        var settings = new Dictionary<string, string?>
        {
            [Section + "ValidAudience"] = TokenKey.Audience,
            [Section + "ValidIssuer"] = TokenKey.Issuer,
            [Section + "SigningKeys:0:Issuer"] = TokenKey.Issuer,
            [Section + "SigningKeys:0:Value"] = Convert.ToBase64String(keys[0]),
        };
        IConfigurationRoot? configuration = null;
        await using var api = await ApiHost.StartAsync(
            directory, null,
            builder => configuration = ((IConfigurationBuilder)builder.Configuration).Add(new ReloadableSource(settings)) as IConfigurationRoot,
            [.. settings.Select(setting => $"{setting.Key}={setting.Value}")]);

        settings[Section + "SigningKeys:0:Value"] = Convert.ToBase64String(keys[1]);
        configuration!.Reload();

        (await api.PostEventAsync(Sample.Plain, Bearer(TokenKey.Shared(keys[0]).Sign()))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, Bearer(TokenKey.Shared(keys[1]).Sign()))).ExpectProblem(401, "Authorization");
    }

    [Fact]
    public async Task A_secret_still_works_if_tokens_are_configured()
    {
        (await _api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        var answer = (await _api.PostEventAsync(Sample.Plain, ("Authorization", "wrong"))).ExpectProblem(401, "Authorization");
        Assert.Equal("Bearer realm=\"RevenueAspire\", Secret realm=\"RevenueAspire\"", answer.Header("WWW-Authenticate"));
    }

    [Fact]
    public async Task Without_secrets_outside_Development_tokens_are_enough()
    {
        using var directory = new TempDirectory();
        await using var api = await ApiHost.StartAsync(directory, null, [.. _identity.Settings, "Ingest:Secrets="]);

        (await api.PostEventAsync(Sample.Plain, Bearer(Rsa.Sign()))).Expect(HttpStatusCode.Accepted);
        var answer = (await api.PostEventAsync(Sample.Plain, ("Authorization", ""))).ExpectProblem(401, "Authorization");
        Assert.Equal("Bearer realm=\"RevenueAspire\"", answer.Header("WWW-Authenticate"));
    }

    [Fact]
    public async Task A_secret_may_begin_with_Bearer()
    {
        using var directory = new TempDirectory();
        await using var api = await ApiHost.StartAsync(directory, null, [.. _identity.Settings, "Ingest:Secrets=Bearer s"]);

        (await api.PostEventAsync(Sample.Plain, ("Authorization", "Bearer s"))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventsAsync(Sample.Plain, ("Authorization", "Bearer s"))).Expect(HttpStatusCode.Accepted);
    }

    public static TheoryData<string, string> Refused => new()
    {
        { Rsa.Sign(expiresIn: TimeSpan.FromSeconds(-90)), "expired" },
        { Rsa.Sign(validIn: TimeSpan.FromMinutes(30)), "not valid yet" },
        { Rsa.Sign(issuer: "https://other.test"), "another issuer" },
        { Rsa.Sign(audience: "other"), "another audience" },
        { TokenKey.Rsa("unknown").Sign(), "unknown key" },
        { TokenKey.Rsa("rsa").Sign(), "signature" },
        { Unsigned(), "signature" },
        { TokenKey.Shared(Encoding.UTF8.GetBytes(Rsa.Published.N), "rsa").Sign(), "signature" },
        { TokenKey.Shared(Base64UrlEncoder.DecodeBytes(Rsa.Published.N), "rsa").Sign(), "signature" },
        { Rsa.Sign(claims: [("sub", null), ("client_id", null)]), "names no caller" },
        { "x", "cannot be read" },
        { "a.b.c", "cannot be read" },
        { new string('a', 20_000), "longer than 16384" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task An_invalid_token_is_401_with_the_reason_and_without_the_token(string token, string reason)
    {
        foreach (var answer in new[] { await _api.PostEventAsync(Sample.Plain, Bearer(token)), await _api.PostEventAsync(Sample.Plain, Bearer(token)),
            await _api.PostEventsAsync(Sample.Plain, Bearer(token)), await _api.GetAsync("/userEvents/user1", Bearer(token)) })
        {
            answer.ExpectProblem(401, "Authorization");
            Assert.StartsWith(
                "Bearer realm=\"RevenueAspire\", error=\"invalid_token\", error_description=\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.Contains(reason, answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.Contains(reason, answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.True(token.Length < 10 || !answer.Body.Contains(token[..10], StringComparison.Ordinal), answer.Body);
        }

        Assert.Empty(_api.Records());
    }

    [Fact]
    public async Task Clocks_may_differ_by_a_minute()
    {
        (await _api.PostEventAsync(Sample.Plain, Bearer(Rsa.Sign(expiresIn: TimeSpan.FromSeconds(-30))))).Expect(HttpStatusCode.Accepted);
        (await _api.PostEventAsync(Sample.Plain, Bearer(Rsa.Sign(validIn: TimeSpan.FromSeconds(30))))).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task An_accepted_token_is_refused_after_its_expiry()
    {
        var token = Rsa.Sign(expiresIn: TimeSpan.FromSeconds(-50));
        (await _api.PostEventAsync(Sample.Plain, Bearer(token))).Expect(HttpStatusCode.Accepted);

        await Eventually.EqualsAsync(401, async () => (await _api.PostEventAsync(Sample.Plain, Bearer(token))).Status);
        (await _api.PostEventsAsync(Sample.Plain, Bearer(token))).ExpectProblem(401, "Authorization");
    }

    [Fact]
    public async Task A_token_of_100_KB_and_two_Authorization_headers_are_refused()
    {
        var length = Sample.Plain.Length;
        Assert.StartsWith("HTTP/1.1 431", await _api.SendRawAsync(
            $"POST /liveEvent HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {new string('a', 100_000)}\r\nContent-Length: {length}\r\n\r\n{Sample.Plain}"),
            StringComparison.Ordinal);
        var token = Rsa.Sign();
        foreach (var path in new[] { "/liveEvent", "/liveEvents" })
        {
            foreach (var other in new[] { $"Bearer {token}", ApiHost.Secret })
            {
                Assert.StartsWith("HTTP/1.1 401", await _api.SendRawAsync(
                    $"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAuthorization: {other}\r\nContent-Length: {length}\r\n"
                        + $"Connection: close\r\n\r\n{Sample.Plain}"), StringComparison.Ordinal);
            }
        }

        Assert.Empty(_api.Records());
    }

    [Fact]
    public async Task A_scope_grants_only_its_calls()
    {
        var receipt = (await _api.PostEventAsync(Sample.Plain)).Receipt!;
        var (writes, reads, own) = (Bearer(Rsa.Sign()), Bearer(Rsa.Sign("ledger.read")), Bearer(Rsa.Sign("ledger.read.own")));
        var nothing = Bearer(Rsa.Sign("openid"));
        await Eventually.EqualsAsync(404, async () => (await _api.GetAsync("/userEvents/user1", reads)).Status);

        foreach (var path in new[] { "/userEvents/user1", "/userEvents?userId=user1", "/userEvents/%75ser1" })
        {
            Assert.Equal((404, 404, 403, 403, 401), (await StatusAsync(path, reads), await StatusAsync(path, own), await StatusAsync(path, writes),
                await StatusAsync(path, nothing), await StatusAsync(path, ("Authorization", null))));
        }

        foreach (var path in new[] { "/userEvents/user2", "/userEvents?userId=user2", "/userEvents/User1", "/userEvents/user1%20", "/userEvents/%ff",
            "/userEvents?userId=user1&userId=user2", "/userEvents", "/receipts/" + receipt, "/liveLedger" })
        {
            Assert.Equal((path, 403), (path, await StatusAsync(path, own)));
        }

        (await _api.GetAsync("/receipts/" + receipt, reads)).Expect(HttpStatusCode.OK);
        (await _api.GetAsync("/receipts/" + receipt, ("Authorization", ApiHost.Secret))).ExpectProblem(401, "Authorization");
        var refusal = (await _api.PostEventAsync(Sample.Plain, reads)).ExpectProblem(403, "Authorization");
        Assert.Equal(
            "Bearer realm=\"RevenueAspire\", error=\"insufficient_scope\", error_description=\"The token lacks the scope events.write\", "
                + "scope=\"events.write\"",
            refusal.Header("WWW-Authenticate"));
        (await _api.PostEventsAsync(Sample.Plain, own)).ExpectProblem(403, "Authorization");
        Assert.Contains("scope=\"ledger.read\"", (await _api.GetAsync("/userEvents/user2", own)).Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Single(_api.Records());
    }

    [Fact]
    public async Task The_live_stream_ends_when_its_token_expires()
    {
        using var viewer = await LiveViewer.OpenAsync(_api, "Bearer " + Rsa.Sign("ledger.read", expiresIn: TimeSpan.FromSeconds(-50)));
        Assert.Equal(HttpStatusCode.OK, viewer.Response.StatusCode);

        while (await viewer.NextAsync() is not null)
        {
        }
    }

    private static (string Name, string? Value) Bearer(string token) => ("Authorization", "Bearer " + token);

    private async Task<int> StatusAsync(string path, (string Name, string? Value) authorization) => (await _api.GetAsync(path, authorization)).Status;

    private static string Unsigned()
    {
        var parts = Rsa.Sign().Split('.');
        return Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""") + "." + parts[1] + ".";
    }
}
