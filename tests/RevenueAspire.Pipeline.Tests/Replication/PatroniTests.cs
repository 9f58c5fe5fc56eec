using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>The setup of docs/operations.md: Patroni and etcd choose the primary without an operator.</summary>
[Collection(ReplicatedServers.Name)]
public sealed class PatroniTests
{
    [Fact]
    public async Task Two_leaders_killed_in_turn_under_load_lose_no_acknowledged_event_and_count_none_twice()
    {
        Assert.SkipUnless(PatroniCluster.Missing is null, PatroniCluster.Missing ?? "");
        await using var cluster = await PatroniCluster.StartAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(await cluster.CreateDatabaseAsync(), apis: 2);
        var processors = Enumerable.Range(0, 2).Select(_ => installation.Installation.StartProcessor()).ToArray();
        var load = new FailoverLoad(installation);
        _ = load.RunAsync();
        try
        {
            for (var kill = 0; kill < 2; kill++)
            {
                await load.MoreAsync(200);
                var killed = await cluster.KillLeaderAsync();

                // In strict mode, the new leader commits only with a synchronous standby, here the third node.
                await load.MoreAsync(200);
                cluster.Start(killed);
                await cluster.WaitUntilWholeAsync();
            }
        }
        catch (TimeoutException exception)
        {
            Assert.Fail($"{exception.Message}\n{cluster.Logs()}\n{installation.Installation.Outputs()}");
        }

        await load.StopAsync();
        load.Report();
        await load.AssertLedgerAsync();
        Assert.All(processors, processor => Assert.False(processor.HasExited, processor.Output));
        Assert.All(installation.Apis, api => Assert.False(api.Process.HasExited, api.Process.Output));
    }
}
