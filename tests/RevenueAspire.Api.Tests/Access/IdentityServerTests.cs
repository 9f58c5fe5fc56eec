using System.Net;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>The API with an identity server that changes its keys, or is unavailable.</summary>
public sealed class IdentityServerTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly TokenKey _old = TokenKey.Rsa("old");
    private readonly TokenKey _new = TokenKey.Ec("new");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_first_token_of_a_new_key_is_accepted_and_tokens_of_a_withdrawn_key_are_not()
    {
        await using var identity = await IdentityHost.StartAsync(_old);
        await using var api = await ApiHost.StartAsync(_directory, null, identity.Settings);
        var (former, next) = (_old.Sign(), _new.Sign());
        Assert.Equal((202, 202), (await PostAsync(api, former), await PostAsync(api, former)));

        identity.Keys[0] = _new;

        Assert.Equal((202, 202), (await PostAsync(api, next), await PostAsync(api, next)));
        Assert.Equal((401, 401), (await PostAsync(api, former), await PostAsync(api, former)));
    }

    [Fact]
    public async Task Tokens_of_unknown_keys_do_not_flood_the_identity_server()
    {
        await using var identity = await IdentityHost.StartAsync(_old);
        await using var api = await ApiHost.StartAsync(_directory, null, identity.Settings);
        Assert.Equal(202, await PostAsync(api, _old.Sign()));

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(401, await PostAsync(api, TokenKey.Ec($"unknown{i}").Sign()));
        }

        Assert.InRange(identity.Readings, 1, 4);
    }

    [Fact]
    public async Task Keys_are_read_at_the_configured_interval()
    {
        await using var identity = await IdentityHost.StartAsync(_old);
        await using var api = await ApiHost.StartAsync(_directory, null, [.. identity.Settings, "Authentication:Schemes:Bearer:RefreshInterval=00:00:01"]);

        await Eventually.IsTrueAsync(() => Task.FromResult(Volatile.Read(ref identity.Readings) >= 3));
    }

    [Fact]
    public async Task Known_tokens_and_keys_still_work_while_the_identity_server_is_unavailable_and_health_reports_it()
    {
        await using var identity = await IdentityHost.StartAsync(_old);
        await using var api = await ApiHost.StartAsync(_directory, null, identity.Settings);
        var known = _old.Sign();
        Assert.Equal(202, await PostAsync(api, known));
        Assert.Equal("Healthy", await StatusAsync(api));

        await identity.StopAsync();
        Assert.Equal(401, await PostAsync(api, TokenKey.Ec("unknown").Sign()));

        Assert.Equal("Degraded", await StatusAsync(api));
        Assert.Equal((202, 202, 401), (await PostAsync(api, known), await PostAsync(api, _old.Sign()), await PostAsync(api, "x")));
    }

    [Fact]
    public async Task The_api_starts_without_its_identity_server_and_accepts_tokens_once_it_answers()
    {
        await using var identity = IdentityHost.Unavailable(_old);
        await using var api = await ApiHost.StartAsync(_directory, null, identity.Settings);

        var answer = (await api.PostEventAsync(Sample.Plain, ("Authorization", "Bearer " + _old.Sign()))).ExpectProblem(503, "Authorization");
        Assert.Null(answer.Header("WWW-Authenticate"));
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        (await api.GetAsync("/health")).Expect(HttpStatusCode.OK);
        Assert.Equal("Degraded", await StatusAsync(api));

        await identity.StartAsync();
        await Eventually.EqualsAsync(202, () => PostAsync(api, _old.Sign()));
        Assert.Equal("Healthy", await StatusAsync(api));
    }

    private static async Task<int> PostAsync(ApiHost api, string token) =>
        (await api.PostEventAsync(Sample.Plain, ("Authorization", "Bearer " + token))).Status;

    private static async Task<string?> StatusAsync(ApiHost api) =>
        (await api.GetAsync("/health")).Json.GetProperty("checks").GetProperty("tokens").GetProperty("status").GetString();
}
