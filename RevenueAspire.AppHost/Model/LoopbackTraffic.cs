namespace RevenueAspire.AppHost.Model;

/// <summary>Exempts loopback traffic from an HTTP proxy. Health checks, commands, telemetry and the services' own requests use localhost.</summary>
internal static class LoopbackTraffic
{
    private static readonly string[] Variables = ["NO_PROXY", "no_proxy"];

    /// <summary>The loopback names. .NET matches IPv6 addresses only with brackets, other programs only without them.</summary>
    private static readonly string[] Names = ["localhost", "127.0.0.1", "::1", "[::1]"];

    /// <summary>Adds the loopback names to <c>NO_PROXY</c> and <c>no_proxy</c> of this process, which its children inherit. Entries of the user stay. Call this
    /// before the first <see cref="HttpClient"/> is created, because .NET reads the variables only once.</summary>
    public static void BypassProxy()
    {
        var bypassed = Bypassed(Variables.Select(Environment.GetEnvironmentVariable));
        foreach (var variable in Variables)
        {
            Environment.SetEnvironmentVariable(variable, bypassed);
        }
    }

    /// <summary>Merges both variables and the loopback names into one list, without duplicates.</summary>
    internal static string Bypassed(IEnumerable<string?> given) =>
        string.Join(
            ',',
            given.SelectMany(hosts => (hosts ?? "").Split([',', ' '], StringSplitOptions.RemoveEmptyEntries))
                .Concat(Names)
                .Distinct(StringComparer.OrdinalIgnoreCase));
}
