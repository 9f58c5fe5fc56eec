namespace RevenueAspire.Api.Access;

/// <summary>The claim with the name of an authenticated caller.</summary>
internal static class CallerClaim
{
    /// <summary>The claim's type. Its value is the name of the caller's secret. For a token it is <c>client_id</c>, else <c>azp</c>, else <c>sub</c>.</summary>
    public const string Type = "caller";
}
