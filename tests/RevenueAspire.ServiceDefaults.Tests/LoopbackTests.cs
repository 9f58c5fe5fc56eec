using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

/// <summary>The test programs on a machine that uses a network proxy.</summary>
public sealed class LoopbackTests
{
    [Fact]
    public async Task A_test_program_reaches_this_machine_without_the_proxy_of_the_environment()
    {
        // No process listens on that port, so a request through the proxy would fail.
        var proxy = $"http://127.0.0.1:{FreePort.Next()}";
        var environment = new Dictionary<string, string?> { ["HTTP_PROXY"] = proxy, ["http_proxy"] = proxy, ["NO_PROXY"] = null, ["no_proxy"] = null };

        await using var tests = await ServiceProcess.RunAsync(
            typeof(LoopbackTests).Assembly.Location, ["--filter-method", $"*{nameof(HealthTests)}.{nameof(HealthTests.Alive_runs_only_liveness_checks)}"],
            environment);

        Assert.True(tests.ExitCode == 0, tests.Output);
        Assert.Contains("total: 1", tests.Output, StringComparison.Ordinal);
    }
}
