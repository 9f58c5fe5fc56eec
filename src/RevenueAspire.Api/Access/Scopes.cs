using System.Security.Claims;

namespace RevenueAspire.Api.Access;

/// <summary>The rights of a caller. A token lists them in <c>scope</c> or <c>scp</c>; a secret's rights depend on the setting that contains it.</summary>
internal static class Scopes
{
    /// <summary>The claim type; each right is a separate claim.</summary>
    public const string Type = "scope";

    public const string Write = "events.write";
    public const string Read = "ledger.read";

    /// <summary>The right to read the user in the token's <c>sub</c>.</summary>
    public const string ReadOwn = "ledger.read.own";

    /// <summary>The claim type of the caller's name: the name of its secret. For a token it is <c>client_id</c>, else <c>azp</c>, else <c>sub</c>.</summary>
    public const string CallerType = "caller";

    public static bool HasScope(this ClaimsPrincipal caller, string scope) => caller.HasClaim(Type, scope);
}
