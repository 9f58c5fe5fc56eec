using System.Net;
using Microsoft.Extensions.Configuration;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>The client of a token is a caller with a name.</summary>
public sealed class TokenCallerTests : IAsyncLifetime
{
    private static readonly TokenKey Key = TokenKey.Ec("ec");

    private readonly TempDirectory _directory = new();
    private IdentityHost _identity = null!;

    public async ValueTask InitializeAsync() => _identity = await IdentityHost.StartAsync(Key);

    public async ValueTask DisposeAsync()
    {
        await _identity.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Records_name_the_client_of_the_token_and_it_owns_its_keys()
    {
        await using var api = await ApiHost.StartAsync(_directory, null, [.. _identity.Settings, "Ingest:Secrets:shop-1=one"]);
        var kiosk = Bearer(Key.Sign(claims: ("client_id", "kiosk")));
        var subject = Bearer(Key.Sign(claims: [("client_id", null), ("sub", "auth0|a \"b\"")]));
        var receipts = new List<string?>();

        // The API validates the first token. The other requests find it in the cache.
        for (var i = 0; i < 2; i++)
        {
            foreach (var authorization in new[] { kiosk, subject, ("Authorization", "one"), ("Authorization", ApiHost.Secret) })
            {
                receipts.Add((await api.PostEventAsync(Sample.Plain, authorization, ("Idempotency-Key", "k"))).Expect(HttpStatusCode.Accepted).Receipt);
                receipts.Add((await api.PostEventsAsync(Sample.Plain, authorization, ("Idempotency-Key", "k2"))).Expect(HttpStatusCode.Accepted).Receipt);
            }
        }

        string?[] callers = [.. api.Records().Select(record => record.TryGetProperty("caller", out var caller) ? caller.GetString() : null)];
        Assert.Equal(["kiosk", "kiosk", "auth0|a \"b\"", "auth0|a \"b\"", "shop-1", "shop-1", null, null], callers);
        Assert.Equal(receipts[..8], receipts[8..]);
    }

    [Fact]
    public async Task A_token_with_the_name_of_a_secret_is_refused()
    {
        var settings = new Dictionary<string, string?> { ["Ingest:Secrets:kiosk"] = "one" };
        IConfigurationRoot? configuration = null;
        await using var api = await ApiHost.StartAsync(
            _directory, null,
            builder => configuration = ((IConfigurationBuilder)builder.Configuration).Add(new ReloadableSource(settings)) as IConfigurationRoot,
            _identity.Settings);
        var later = Bearer(Key.Sign(claims: ("client_id", "later")));
        (await api.PostEventAsync(Sample.Plain, later)).Expect(HttpStatusCode.Accepted);
        settings["Ingest:Secrets:later"] = "two";
        configuration!.Reload();

        foreach (var token in new[] { later, Bearer(Key.Sign(claims: ("client_id", "kiosk"))), Bearer(Key.Sign(claims: ("client_id", "Kiosk"))),
            Bearer(Key.Sign(claims: [("client_id", null), ("azp", "kiosk")])), Bearer(Key.Sign(claims: [("client_id", null), ("sub", "kiosk")])) })
        {
            var answer = (await api.PostEventAsync(Sample.Plain, token)).ExpectProblem(401, "Authorization");
            Assert.Contains("error=\"invalid_token\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.Contains("has the name of a secret in Ingest:Secrets", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }

        (await api.PostEventAsync(Sample.Plain, ("Authorization", "two"))).Expect(HttpStatusCode.Accepted);
        Assert.Equal(["later", "later"], api.Records().Select(record => record.GetProperty("caller").GetString()));
    }

    [Fact]
    public async Task The_client_of_a_token_has_its_own_limit()
    {
        await using var api = await ApiHost.StartAsync(
            _directory, null, [.. _identity.Settings, "Limits:Callers:kiosk:EventsPerSecond=1", "Limits:Callers:later:EventsPerSecond=1"]);
        var batch = string.Concat(Enumerable.Repeat(Sample.Plain + "\n", 500));
        (string, string?)[] kiosk = [Bearer(Key.Sign(claims: ("client_id", "kiosk"))), Bearer(Key.Sign(claims: [("client_id", "kiosk"), ("jti", "2")]))];

        (await api.PostEventsAsync(batch, kiosk[0])).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, kiosk[0])).ExpectProblem(429, null);
        (await api.PostEventAsync(Sample.Plain, kiosk[1])).ExpectProblem(429, null);
        (await api.PostEventsAsync(batch, kiosk[1])).ExpectProblem(429, null);

        (await api.PostEventsAsync(batch, Bearer(Key.Sign()))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, Bearer(Key.Sign()))).Expect(HttpStatusCode.Accepted);
    }

    private static (string, string?) Bearer(string token) => ("Authorization", "Bearer " + token);
}
