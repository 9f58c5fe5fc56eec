using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using RevenueAspire.Api.Ingest;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Access;

/// <summary>Extends the library's token validation: looks up the cache before it, and sets the claims or writes the answer after it. One instance per
/// request.</summary>
internal sealed class TokenEvents(
    ValidTokens tokens, AccessControl access, AccessRefusals refusals, IngestMetrics metrics, IdentityServer? identity = null) : JwtBearerEvents
{
    /// <summary>Tolerated clock difference between identity server and API.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    /// <summary>Maximum length of a token, in characters. Identity servers usually issue one or two thousand, and more for a user with many groups.</summary>
    private const int MaxLength = 16 << 10;

    private const string Prefix = "Bearer ";

    private TokenCache _cache = tokens.Current;
    private string _token = "";

    /// <summary>Whether the header occurs once and begins with <c>Bearer</c> (RFC 6750, 2.1). The token is the rest of the header.</summary>
    public static bool TryFind(StringValues authorization, out ReadOnlySpan<char> token)
    {
        var isToken = authorization.Count == 1 && authorization[0]?.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) is true;
        token = isToken ? authorization[0].AsSpan(Prefix.Length).Trim(' ') : default;
        return isToken;
    }

    public override async Task MessageReceived(MessageReceivedContext context)
    {
        if (!TryFind(context.Request.Headers.Authorization, out var token))
        {
            context.NoResult();
            return;
        }

        if (token.Length > MaxLength)
        {
            context.Fail(new TokenException($"The token is longer than {MaxLength} characters"));
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

    public override Task TokenValidated(TokenValidatedContext context)
    {
        var token = (JsonWebToken)context.SecurityToken;
        var name = Find(token, "client_id") ?? Find(token, "azp") ?? Find(token, JwtRegisteredClaimNames.Sub);
        if (name is null || access.IsNameOfSecret(name))
        {
            context.Fail(new TokenException(name is null
                ? "The token names no caller in client_id, azp or sub"
                : "The caller of the token has the name of a secret in Ingest:Secrets"));
            return Task.CompletedTask;
        }

        List<Claim> claims = [new(Scopes.CallerType, name)];
        if (Find(token, JwtRegisteredClaimNames.Sub) is { } subject)
        {
            claims.Add(new Claim(JwtRegisteredClaimNames.Sub, subject));
        }

        claims.AddRange(token.Claims.Where(claim => claim.Type is "scope" or "scp").SelectMany(claim => claim.Value.Split(' ')).Distinct()
            .Where(scope => scope is Scopes.Write or Scopes.Read or Scopes.ReadOwn).Select(scope => new Claim(Scopes.Type, scope)));
        var valid = new ValidToken(new ClaimsPrincipal(new ClaimsIdentity(claims, context.Scheme.Name)), EndOf(token));
        _cache.Add(_token, valid);
        context.Principal = valid.Caller;
        context.Success();
        return Task.CompletedTask;
    }

    public override Task Challenge(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        IngestRequest.CountRefusal(context.HttpContext, metrics);
        return context.AuthenticateFailure is IdentityServerException
            ? AccessRefusals.AnswerUnavailableAsync(context.HttpContext)
            : refusals.ChallengeAsync(context.HttpContext, Describe(context.AuthenticateFailure));
    }

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
