using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Ingest;

namespace RevenueAspire.Api.Access;

/// <summary>Authenticates a request by the secret in its Authorization header.</summary>
/// <remarks>The base class gets no logger, since it would log a line per refused request, too many in a flood.</remarks>
internal sealed class SecretHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, AccessControl access, AccessRefusals refusals, IngestMetrics metrics)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, NullLoggerFactory.Instance, UrlEncoder.Default)
{
    public const string SchemeName = "Secret";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var (sender, reads) = access.MatchSecret(Request.Headers.Authorization);
        List<Claim> claims = [];
        if (sender is not null)
        {
            claims.Add(new Claim(Scopes.Type, Scopes.Write));
            if (sender.Name is { } name)
            {
                claims.Add(new Claim(Scopes.CallerType, name.Text));
            }
        }

        if (reads || access.IsReadOpen)
        {
            claims.Add(new Claim(Scopes.Type, Scopes.Read));
        }

        // With open reads, a caller without a secret may read but is not authenticated.
        var identity = new ClaimsIdentity(claims, sender is not null || reads ? SchemeName : null);
        return Task.FromResult(claims.Count == 0
            ? AuthenticateResult.NoResult()
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName)));
    }

    /// <summary>A secret without the required right gets the same answer as a wrong secret.</summary>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => HandleChallengeAsync(properties);

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        IngestRequest.CountRefusal(Context, metrics);
        return refusals.ChallengeAsync(Context);
    }
}
