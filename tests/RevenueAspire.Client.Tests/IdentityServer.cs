using System.Collections.Concurrent;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace RevenueAspire.Client.Tests;

/// <summary>A real token server (OpenIddict) with one registered client. Thread-safe.</summary>
internal sealed class IdentityServer : IAsyncDisposable
{
    public const string ClientId = "till 7";
    public const string ClientSecret = "hunter2 %+&";

    private readonly WebApplication _app;

    private IdentityServer(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single();

    /// <summary>Paths of all requests, in order of arrival.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>Called before the server handles a request; returns true if it has answered the request.</summary>
    public Func<HttpContext, Task<bool>> Before { get; set; } = _ => Task.FromResult(false);

    /// <param name="lifetime">Lifetime of a token.</param>
    /// <param name="port">The port, or 0 for any.</param>
    public static async Task<IdentityServer> StartAsync(TimeSpan? lifetime = null, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddOpenIddict().AddServer(server =>
        {
            server.EnableDegradedMode().AllowClientCredentialsFlow().SetTokenEndpointUris("connect/token").RegisterScopes("events.write");
            server.AddEphemeralEncryptionKey().AddEphemeralSigningKey().DisableAccessTokenEncryption();
            server.SetAccessTokenLifetime(lifetime ?? TimeSpan.FromHours(1));
            server.UseAspNetCore().DisableTransportSecurityRequirement();
            server.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != ClientId || context.ClientSecret != ClientSecret)
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidClient, $"Wrong secret {context.ClientSecret}.");
                }
                else if (context.Request.GetScopes() is not ["events.write"])
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidScope, "Ask for another one.");
                }

                return default;
            }));
            server.AddEventHandler<HandleTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                var identity = new ClaimsIdentity("tokens");
                identity.AddClaim(new Claim(OpenIddictConstants.Claims.Subject, context.ClientId!));
                var principal = new ClaimsPrincipal(identity);
                principal.SetScopes(context.Request.GetScopes());
                context.SignIn(principal);
                return default;
            }));
        });
        var app = builder.Build();
        var identity = new IdentityServer(app);
        app.Use(async (context, next) =>
        {
            identity.Requests.Enqueue(context.Request.Path);
            if (!await identity.Before(context))
            {
                await next();
            }
        });
        app.UseAuthentication();
        await app.StartAsync();
        await identity.WarmUpAsync();
        return identity;
    }

    /// <summary>Sends a first request, because on a busy machine its answer takes seconds, longer than the client's timeout.</summary>
    private async Task WarmUpAsync()
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(1) };
        await http.GetStringAsync(new Uri(Url + "/.well-known/openid-configuration"));
        await http.GetStringAsync(new Uri(Url + "/.well-known/jwks"));
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = ClientId,
            ["client_secret"] = ClientSecret,
            ["scope"] = "events.write",
        });
        using var answer = await http.PostAsync(new Uri(Url + "/connect/token"), form);
        answer.EnsureSuccessStatusCode();
        Requests.Clear();
    }

    /// <summary>Configures a client to fetch its tokens from this server.</summary>
    public void Configure(ClientOptions options) => (options.Authority, options.ClientId, options.ClientSecret) = (Url, ClientId, ClientSecret);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
