using System.Net;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace RevenueAspire.Api.Tests.Access;

/// <summary>The API with a complete identity server, which issues a token to a client for its credentials.</summary>
public sealed class OpenIddictTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_client_gets_a_token_for_its_credentials_and_sends_with_it()
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var server = await StartServerAsync(url);
        await using var api = await ApiHost.StartAsync(
            _directory, null, "Ingest:Secrets=", $"Authentication:Schemes:Bearer:Authority={url}", "Authentication:Schemes:Bearer:ValidAudience=revenue");

        var writes = await GetTokenAsync(url, "events.write");
        var reads = await GetTokenAsync(url, "ledger.read");

        (await api.PostEventAsync(Sample.Plain, ("Authorization", "Bearer " + writes))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventsAsync(Sample.Plain, ("Authorization", "Bearer " + writes))).Expect(HttpStatusCode.Accepted);
        (await api.PostEventAsync(Sample.Plain, ("Authorization", "Bearer " + reads))).ExpectProblem(403, "Authorization");
        Assert.Equal(2, api.Records().Count);
    }

    private static async Task<string> GetTokenAsync(string url, string scope)
    {
        using var http = new HttpClient();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = "shop",
            ["client_secret"] = "shop's own",
            ["scope"] = scope,
        });
        using var response = await http.PostAsync(new Uri(url + "/connect/token"), form);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonDocument.Parse(body).RootElement.GetProperty("access_token").GetString()!;
    }

    private static async Task<WebApplication> StartServerAsync(string url)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IDataProtectionProvider, EphemeralDataProtectionProvider>();
        builder.Services.AddAuthorization();
        builder.Services.AddOpenIddict().AddServer(options =>
        {
            options.SetTokenEndpointUris("connect/token").AllowClientCredentialsFlow().EnableDegradedMode().DisableAccessTokenEncryption();
            options.AddEphemeralEncryptionKey().AddEphemeralSigningKey().RegisterScopes("events.write", "ledger.read");
            options.UseAspNetCore().DisableTransportSecurityRequirement();
            options.AddEventHandler<OpenIddict.Server.OpenIddictServerEvents.ValidateTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != "shop" || context.ClientSecret != "shop's own")
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidClient);
                }

                return default;
            }));
            options.AddEventHandler<OpenIddict.Server.OpenIddictServerEvents.HandleTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                var identity = new ClaimsIdentity("token", Claims.Name, Claims.Role);
                identity.SetClaim(Claims.Subject, context.Request.ClientId).SetScopes(context.Request.GetScopes()).SetResources("revenue");
                context.SignIn(new ClaimsPrincipal(identity));
                return default;
            }));
        });
        var app = builder.Build();
        app.Urls.Add(url);
        app.UseAuthentication();
        await app.StartAsync();
        return app;
    }
}
