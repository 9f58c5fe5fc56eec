using System.Security.Claims;

namespace RevenueAspire.Api.Access;

/// <summary>The rights of a caller. Tokens name them in <c>scope</c> or <c>scp</c>; a secret has those of its setting.</summary>
internal static class Scopes
{
    /// <summary>Type of the claims, one per right.</summary>
    public const string Type = "scope";

    /// <summary>Sends events.</summary>
    public const string Write = "events.write";

    /// <summary>Reads everything.</summary>
    public const string Read = "ledger.read";

    /// <summary>Reads the user whose id is the token's <c>sub</c>.</summary>
    public const string ReadOwn = "ledger.read.own";

    /// <summary>All of them, with their meaning for the contract.</summary>
    public static readonly IReadOnlyDictionary<string, string> All = new Dictionary<string, string>
    {
        [Write] = "Send events.",
        [Read] = "Read all users, receipts and the live ledger.",
        [ReadOwn] = "Read the one user whose id is the token's sub.",
    };

    /// <summary>Whether the caller has the right.</summary>
    public static bool HasScope(this ClaimsPrincipal caller, string scope) => caller.HasClaim(Type, scope);
}
