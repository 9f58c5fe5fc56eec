using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Processes;

/// <summary>Start, stop and crash of the AppHost, as a real process on real Postgres.</summary>
public sealed class LifeTests
{
    private const string DeadProxy = "http://127.0.0.1:9";

    [Fact]
    public async Task The_sample_is_sent_once_and_survives_a_restart_and_Postgres_stops_last_and_cleanly()
    {
        using var data = new DataFolder();
        await using (var first = RunningAppHost.Start(data.Path))
        {
            await first.WaitUntilUpAsync();
            await first.HasRevenueAsync("user1", 27);
            await first.HasRevenueAsync("user2", 58);
            await first.GenerateEventsAsync();
            await first.HasRevenueAsync("user1", 54);

            var servicesAtPostgresEnd = OperatingSystem.IsLinux() ? ServicesWhenPostgresHasEndedAsync(data) : Task.FromResult<string[]>([]);
            Assert.Equal(0, await first.InterruptAsync());

            Assert.Empty(await servicesAtPostgresEnd);
            Assert.False(data.HasPostmasterPid);
            Assert.True(data.IsCleanlyShutDown);
            Assert.Empty(first.Process.StandardError);
            Assert.Contains(first.Process.StandardOutput, line => line.Trim() == $"Live page: http://localhost:{first.ApiPort}. Data directory: {data.Path}.");
            first.AssertQuiet();
        }

        // The data survives the loss of its password.
        await using var second = RunningAppHost.Start(data.Path, null, "--Parameters:postgres-password=another");
        await second.WaitUntilUpAsync();
        Assert.Equal(54, await second.RevenueAsync("user1"));

        // If this start had sent the sample again, its events would be counted before those that the test sends now.
        await second.GenerateEventsAsync();
        await second.HasRevenueAsync("user1", 81);
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.Equal(81, await second.RevenueAsync("user1"));
    }

    [Fact]
    public async Task A_kill_leaves_no_process_and_the_next_start_continues()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc");
        using var data = new DataFolder();
        await using var first = RunningAppHost.Start(data.Path);
        await first.WaitUntilUpAsync();
        await first.HasRevenueAsync("user1", 27);
        Assert.NotEmpty(data.Processes());

        await first.Process.KillAsync();

        // Start again at once, on the same ports. The AppHost waits for the services that are still stopping.
        await using var second = RunningAppHost.Start(data.Path, first.ApiPort, first.ClientPort);
        await second.WaitUntilUpAsync();
        await second.HasRevenueAsync("user1", 27);
        await second.GenerateEventsAsync();
        await second.HasRevenueAsync("user1", 54);

        await second.Process.KillAsync();
        await Eventually.EqualsAsync("", () => Task.FromResult(string.Join('\n', data.Processes())));
    }

    [Fact]
    public async Task With_a_dead_proxy_everything_works_and_a_second_AppHost_on_the_data_does_not_disturb_the_first()
    {
        using var data = new DataFolder();
        await using var first = RunningAppHost.Start(
            data.Path,
            new Dictionary<string, string?>
            {
                ["HTTP_PROXY"] = DeadProxy,
                ["HTTPS_PROXY"] = DeadProxy,
                ["http_proxy"] = DeadProxy,
                ["https_proxy"] = DeadProxy,
                ["NO_PROXY"] = null,
                ["no_proxy"] = null,
            },
            "--Processor:Replicas=1");
        await first.WaitUntilUpAsync();
        await first.HasRevenueAsync("user1", 27);

        await using var second = RunningAppHost.Start(data.Path);
        Assert.Equal(1, await second.Process.WaitForExitAsync());

        Assert.StartsWith("Another AppHost runs on " + data.Path, Assert.Single(second.Process.StandardError), StringComparison.Ordinal);
        await first.GenerateEventsAsync();
        await first.HasRevenueAsync("user1", 54);
    }

    /// <summary>Returns the services that are still running when Postgres ends.</summary>
    private static async Task<string[]> ServicesWhenPostgresHasEndedAsync(DataFolder data)
    {
        var processes = data.Processes();
        var services = processes.Where(process => process.Command.Contains("RevenueAspire.", StringComparison.Ordinal)).ToArray();
        Assert.True(services.Length >= 4, string.Join('\n', processes));
        await Eventually.IsTrueAsync(() => !data.HasPostmasterPid);
        var running = data.Processes().Select(process => process.Id).ToHashSet();
        return [.. services.Where(service => running.Contains(service.Id)).Select(service => service.Command)];
    }
}
