using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Access;

/// <summary>Authenticates a request by the secret in its Authorization header: the roles are the policies that the secret grants.</summary>
/// <remarks>The base class logs a line per refused request, which is one too many in a flood: it gets no logger.</remarks>
internal sealed class SecretHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, AccessControl access, IngestMetrics metrics)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, NullLoggerFactory.Instance, UrlEncoder.Default)
{
    public const string SchemeName = "Secret";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var authorization = Request.Headers.Authorization;
        List<Claim> claims = [];
        if (access.MayIngest(authorization, out var caller))
        {
            claims.Add(new Claim(ClaimTypes.Role, AccessPolicies.Send));
            if (caller.Name is { } name)
            {
                claims.Add(new Claim(CallerClaim.Type, name.Text));
            }
        }

        if (access.MayRead(authorization))
        {
            claims.Add(new Claim(ClaimTypes.Role, AccessPolicies.Read));
        }

        return Task.FromResult(claims.Count == 0
            ? AuthenticateResult.NoResult()
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(claims, SchemeName)), SchemeName)));
    }

    /// <summary>A secret that grants something else is answered as a wrong one.</summary>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => HandleChallengeAsync(properties);

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        HttpMethods.IsPost(Request.Method) ? IngestRequest.RefuseSecretAsync(Context, metrics) : ProblemResponse.UnauthorizedAsync(Context);
}

/// <summary>The policies of the calls, by name.</summary>
internal static class AccessPolicies
{
    /// <summary>Grants sending events: one of <c>Ingest:Secrets</c>.</summary>
    public const string Send = "send";

    /// <summary>Grants reading: one of <c>Ingest:ReadSecrets</c>, or any request where none is set.</summary>
    public const string Read = "read";

    public static WebApplicationBuilder AddAccess(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Callers>().AddSingleton<AccessControl>();

        // AddAuthentication also adds data protection, which writes a key below the home directory at start.
        builder.Services.AddAuthenticationCore(authentication => authentication.AddScheme<SecretHandler>(SecretHandler.SchemeName, displayName: null));
        builder.Services.AddTransient<SecretHandler>();
        builder.Services.AddAuthorizationBuilder().AddPolicy(Send, policy => policy.RequireRole(Send)).AddPolicy(Read, policy => policy.RequireRole(Read));
        return builder;
    }

    /// <summary>Call it after routing. <c>POST /liveEvent</c> skips it, and checks the secret itself.</summary>
    public static WebApplication UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();
        return app;
    }
}
