using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>The public part of an identity server: discovery and keys. A test can change the keys, or stop the server.</summary>
internal sealed class IdentityHost : IAsyncDisposable
{
    private readonly string _url = $"http://127.0.0.1:{FreePort.Next()}";
    private WebApplication? _app;

    /// <summary>The published keys.</summary>
    public List<TokenKey> Keys { get; } = [];

    /// <summary>Number of reads of its keys.</summary>
    public int Readings;

    /// <summary>Settings of an API that trusts this server.</summary>
    public string[] Settings =>
        [$"Authentication:Schemes:Bearer:Authority={_url}", $"Authentication:Schemes:Bearer:ValidAudience={TokenKey.Audience}"];

    public static async Task<IdentityHost> StartAsync(params TokenKey[] keys)
    {
        var host = new IdentityHost();
        host.Keys.AddRange(keys);
        await host.StartAsync();
        return host;
    }

    /// <summary>Creates a server that is not started yet.</summary>
    public static IdentityHost Unavailable(params TokenKey[] keys)
    {
        var host = new IdentityHost();
        host.Keys.AddRange(keys);
        return host;
    }

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Urls.Add(_url);
        _app.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer = TokenKey.Issuer, jwks_uri = _url + "/keys" }));
        _app.MapGet("/keys", () =>
        {
            Interlocked.Increment(ref Readings);
            return Results.Text(JsonSerializer.Serialize(new { keys = Keys.Select(key => Describe(key.Published)) }), "application/json");
        });
        await _app.StartAsync();
    }

    public async Task StopAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
            _app = null;
        }
    }

    public ValueTask DisposeAsync() => new(StopAsync());

    private static Dictionary<string, string> Describe(Microsoft.IdentityModel.Tokens.JsonWebKey key) => new Dictionary<string, string?>
    {
        ["kty"] = key.Kty,
        ["use"] = "sig",
        ["kid"] = key.Kid,
        ["n"] = key.N,
        ["e"] = key.E,
        ["crv"] = key.Crv,
        ["x"] = key.X,
        ["y"] = key.Y,
    }.Where(member => member.Value is not null).ToDictionary(member => member.Key, member => member.Value!);
}
