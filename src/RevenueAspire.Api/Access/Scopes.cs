using System.Security.Claims;

namespace RevenueAspire.Api.Access;

/// <summary>The rights of a caller. A token lists them in <c>scope</c> or <c>scp</c>; a secret's rights depend on the setting that contains it.</summary>
internal static class Scopes
{
    /// <summary>The claim type; each right is a separate claim.</summary>
    public const string Type = "scope";

    /// <summary>The right to send events.</summary>
    public const string Write = "events.write";

    /// <summary>The right to read everything.</summary>
    public const string Read = "ledger.read";

    /// <summary>The right to read the user in the token's <c>sub</c>.</summary>
    public const string ReadOwn = "ledger.read.own";

    /// <summary>All rights, with their descriptions in the contract.</summary>
    public static readonly IReadOnlyDictionary<string, string> All = new Dictionary<string, string>
    {
        [Write] = "Send events.",
        [Read] = "Read all users, receipts and the live ledger.",
        [ReadOwn] = "Read only the user in the token's sub claim.",
    };

    /// <summary>Whether the caller has the right.</summary>
    public static bool HasScope(this ClaimsPrincipal caller, string scope) => caller.HasClaim(Type, scope);
}
