namespace RevenueAspire.AppHost.Model;

/// <summary>Keeps traffic within this machine off an HTTP proxy: health checks, commands, telemetry and the services' own requests use localhost.</summary>
internal static class LoopbackTraffic
{
    private static readonly string[] Variables = ["NO_PROXY", "no_proxy"];

    /// <summary>The last spelling is the one that .NET compares with, the one before is for all others.</summary>
    private static readonly string[] Names = ["localhost", "127.0.0.1", "::1", "[::1]"];

    /// <summary>Adds the loopback names to <c>NO_PROXY</c> and <c>no_proxy</c> of this process, which its children inherit. Hosts that the user has set stay.
    /// Call it before the first <see cref="HttpClient"/> exists: .NET reads the variables once.</summary>
    public static void BypassProxy()
    {
        var bypassed = Bypassed(Variables.Select(Environment.GetEnvironmentVariable));
        foreach (var variable in Variables)
        {
            Environment.SetEnvironmentVariable(variable, bypassed);
        }
    }

    /// <summary>One list from the values of both variables and the loopback names, each host once.</summary>
    internal static string Bypassed(IEnumerable<string?> given) =>
        string.Join(
            ',',
            given.SelectMany(hosts => (hosts ?? "").Split([',', ' '], StringSplitOptions.RemoveEmptyEntries))
                .Concat(Names)
                .Distinct(StringComparer.OrdinalIgnoreCase));
}
