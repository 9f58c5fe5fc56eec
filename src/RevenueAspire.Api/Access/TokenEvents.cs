using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using RevenueAspire.Api.Ingest;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Access;

/// <summary>Extends the library's token validation: looks up the cache before it, and sets the claims or writes the answer after it. One instance per
/// request.</summary>
/// <param name="tokens">The validated tokens.</param>
/// <param name="access">Provides the names of the secrets.</param>
/// <param name="refusals">Writes the answers.</param>
/// <param name="metrics">Counts refused sends.</param>
/// <param name="identity">The source of the keys; null if the settings contain them.</param>
internal sealed class TokenEvents(
    ValidTokens tokens, AccessControl access, AccessRefusals refusals, IngestMetrics metrics, IdentityServer? identity = null) : JwtBearerEvents
{
    /// <summary>Tolerated clock difference between identity server and API.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    private TokenCache _cache = tokens.Current;
    private string _token = "";

    /// <inheritdoc/>
    public override async Task MessageReceived(MessageReceivedContext context)
    {
        if (!BearerToken.TryFind(context.Request.Headers.Authorization, out var token))
        {
            context.NoResult();
            return;
        }

        if (token.Length > BearerToken.MaxLength)
        {
            context.Fail(new TokenException($"The token is longer than {BearerToken.MaxLength} characters"));
            return;
        }

        _cache = tokens.Current;
        if (_cache.Find(token) is { } known)
        {
            context.Principal = known.Caller;
            context.Success();
            return;
        }

        _token = token.ToString();
        if (identity is not null && !await identity.PrepareAsync(FindKeyId(_token)))
        {
            context.Fail(new IdentityServerException());
            return;
        }

        context.Token = _token;
    }

    /// <inheritdoc/>
    public override Task TokenValidated(TokenValidatedContext context)
    {
        var token = (JsonWebToken)context.SecurityToken;
        var name = Find(token, "client_id") ?? Find(token, "azp") ?? Find(token, JwtRegisteredClaimNames.Sub);
        if (name is null)
        {
            context.Fail(new TokenException("The token names no caller in client_id, azp or sub"));
            return Task.CompletedTask;
        }

        if (access.IsNameOfSecret(name))
        {
            context.Fail(new TokenException("The caller of the token has the name of a secret in Ingest:Secrets"));
            return Task.CompletedTask;
        }

        List<Claim> claims = [new(CallerClaim.Type, name)];
        if (Find(token, JwtRegisteredClaimNames.Sub) is { } subject)
        {
            claims.Add(new Claim(JwtRegisteredClaimNames.Sub, subject));
        }

        claims.AddRange(token.Claims.Where(claim => claim.Type is "scope" or "scp").SelectMany(claim => claim.Value.Split(' ')).Distinct()
            .Where(Scopes.All.ContainsKey).Select(scope => new Claim(Scopes.Type, scope)));
        var valid = new ValidToken(new ClaimsPrincipal(new ClaimsIdentity(claims, context.Scheme.Name)), EndOf(token));
        _cache.Add(_token, valid);
        context.Principal = valid.Caller;
        context.Success();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task Challenge(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        IngestRequest.CountRefusal(context.HttpContext, metrics);
        return context.AuthenticateFailure is IdentityServerException
            ? AccessRefusals.AnswerUnavailableAsync(context.HttpContext)
            : refusals.ChallengeAsync(context.HttpContext, Describe(context.AuthenticateFailure));
    }

    /// <inheritdoc/>
    public override Task Forbidden(ForbiddenContext context)
    {
        IngestRequest.CountRefusal(context.HttpContext, metrics);
        return AccessRefusals.ForbidAsync(context.HttpContext);
    }

    /// <summary>The end of the token's validity, including the clock skew. Avoids an overflow for the latest possible expiry.</summary>
    private static DateTimeOffset EndOf(JsonWebToken token) =>
        token.ValidTo < DateTime.MaxValue - ClockSkew ? new DateTimeOffset(token.ValidTo) + ClockSkew : DateTimeOffset.MaxValue;

    /// <summary>The claim's text, if it fits the limits of a user id and has no control characters.</summary>
    private static string? Find(JsonWebToken token, string type) =>
        token.TryGetPayloadValue<string>(type, out var value) && value is { Length: > 0 and <= EventParser.MaxUserIdBytes } && !value.Any(char.IsControl)
            ? value
            : null;

    private static string? FindKeyId(string token)
    {
        try
        {
            return new JsonWebToken(token).Kid is { Length: > 0 } keyId ? keyId : null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or SecurityTokenException)
        {
            // The validation reports the error.
            return null;
        }
    }

    /// <summary>Never includes the token's text, since an answer may be logged.</summary>
    private static string Describe(Exception? failure) => failure switch
    {
        TokenException own => own.Message,
        SecurityTokenExpiredException => "The token has expired",
        SecurityTokenNotYetValidException => "The token is not valid yet",
        SecurityTokenNoExpirationException => "The token has no expiry",
        SecurityTokenInvalidLifetimeException => "The token expires before it becomes valid",
        SecurityTokenInvalidAudienceException => "The token was issued for another audience",
        SecurityTokenInvalidIssuerException => "The token was issued by another issuer",
        SecurityTokenInvalidAlgorithmException => "The token's signature algorithm is not accepted",
        SecurityTokenSignatureKeyNotFoundException => "The token is signed with an unknown key",
        SecurityTokenInvalidSignatureException => "The token's signature is invalid",
        AggregateException { InnerExceptions: [var only] } => Describe(only),
        _ => "The token cannot be read",
    };

    /// <summary>The error of a token that this class refuses.</summary>
    private sealed class TokenException(string message) : Exception(message);

    /// <summary>No token can be validated right now.</summary>
    private sealed class IdentityServerException : Exception;
}
