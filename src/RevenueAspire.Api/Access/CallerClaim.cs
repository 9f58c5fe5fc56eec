namespace RevenueAspire.Api.Access;

/// <summary>The claim of an authenticated caller that carries its name.</summary>
internal static class CallerClaim
{
    /// <summary>Type of the claim. Its value is the name of the caller's secret, or the token's <c>client_id</c>, else <c>azp</c>, else <c>sub</c>.</summary>
    public const string Type = "caller";
}
