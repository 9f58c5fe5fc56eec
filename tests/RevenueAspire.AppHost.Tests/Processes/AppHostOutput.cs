using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Processes;

/// <summary>What the console of the AppHost must not show.</summary>
internal static class AppHostOutput
{
    /// <summary>No warning, no failure and no stack trace on standard output.</summary>
    public static void AssertQuiet(this RunningAppHost host) => Assert.DoesNotContain(host.Process.StandardOutput, line =>
        line.StartsWith("warn:", StringComparison.Ordinal) || line.StartsWith("fail:", StringComparison.Ordinal)
            || line.StartsWith("crit:", StringComparison.Ordinal)
        || line.Contains("Exception", StringComparison.Ordinal));
}
