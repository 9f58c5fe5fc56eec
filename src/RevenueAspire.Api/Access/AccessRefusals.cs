using Microsoft.AspNetCore.Authorization;
using RevenueAspire.Api.Errors;

namespace RevenueAspire.Api.Access;

/// <summary>The answers to unauthorized callers: 401, 403, and 503 while tokens cannot be validated.</summary>
internal sealed class AccessRefusals(AccessControl access)
{
    private const string Realm = "realm=\"RevenueAspire\"";
    private const string Field = "Authorization";
    private const int RetrySeconds = 5;

    /// <summary>Answers 401 with a challenge per kind of credentials.</summary>
    /// <param name="fault">The error in the token, without the token's text; null if the request has no token.</param>
    public Task ChallengeAsync(HttpContext context, string? fault = null)
    {
        var (secrets, tokens) = access.Accepts;
        List<string> challenges = [];
        if (tokens)
        {
            challenges.Add(fault is null ? $"Bearer {Realm}" : $"Bearer {Realm}, error=\"invalid_token\", error_description=\"{fault}\"");
        }

        if (secrets)
        {
            challenges.Add($"Secret {Realm}");
        }

        context.Response.Headers.WWWAuthenticate = challenges.ToArray();
        return ProblemResponse.WriteAsync(
            context, StatusCodes.Status401Unauthorized,
            (fault, secrets, tokens) switch
            {
                ({ } text, _, _) => $"Authorization: {text}.",
                (_, true, true) => "Authorization: send this header once, with a configured secret as its value, or with Bearer and a token.",
                (_, false, true) => "Authorization: send this header once, with Bearer and a token.",
                _ => "Authorization: send this header once, with a configured secret as its value.",
            },
            Field);
    }

    /// <summary>Answers 403: the token is valid, but lacks the scope of the call.</summary>
    public static Task ForbidAsync(HttpContext context)
    {
        var policy = context.GetEndpoint()?.Metadata.GetMetadata<IAuthorizeData>()?.Policy;
        var scope = policy == AccessPolicies.Send ? Scopes.Write : Scopes.Read;
        var text = policy == AccessPolicies.ReadUser && context.User.HasScope(Scopes.ReadOwn)
            ? $"The token may read only the user in its sub claim; other users need the scope {scope}"
            : $"The token lacks the scope {scope}";
        context.Response.Headers.WWWAuthenticate =
            $"Bearer {Realm}, error=\"insufficient_scope\", error_description=\"{text}\", scope=\"{scope}\"";
        return ProblemResponse.WriteAsync(context, StatusCodes.Status403Forbidden, $"Authorization: {text}.", Field);
    }

    /// <summary>Answers 503: the identity server has not answered yet, so no token can be validated.</summary>
    public static Task AnswerUnavailableAsync(HttpContext context) => ProblemResponse.WriteAsync(
        context, StatusCodes.Status503ServiceUnavailable,
        "Authorization: the token cannot be checked, because the identity server has not answered yet. Nothing was changed; try again.", Field, RetrySeconds);
}
