using Microsoft.Extensions.Primitives;

namespace RevenueAspire.Api.Access;

/// <summary>Reads a token from the Authorization header (RFC 6750, 2.1).</summary>
internal static class BearerToken
{
    /// <summary>Maximum length of a token, in characters. Identity servers usually issue one or two thousand, and more for a user with many groups.</summary>
    public const int MaxLength = 16 << 10;

    private const string Prefix = "Bearer ";

    /// <summary>Whether the header occurs once and begins with <c>Bearer</c>. The token is the rest of the header.</summary>
    public static bool TryFind(StringValues authorization, out ReadOnlySpan<char> token)
    {
        if (authorization.Count == 1 && authorization[0] is { } header && header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            token = header.AsSpan(Prefix.Length).Trim(' ');
            return true;
        }

        token = default;
        return false;
    }
}
