using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Processes;

/// <summary>Checks that the AppHost's console shows no unwanted lines.</summary>
internal static class AppHostOutput
{
    /// <summary>Asserts that standard output has no warning, no failure and no stack trace.</summary>
    public static void AssertQuiet(this RunningAppHost host) => Assert.DoesNotContain(host.Process.StandardOutput, line =>
        line.StartsWith("warn:", StringComparison.Ordinal) || line.StartsWith("fail:", StringComparison.Ordinal)
            || line.StartsWith("crit:", StringComparison.Ordinal)
        || line.Contains("Exception", StringComparison.Ordinal));
}
