namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>The primary is lost, a standby replaces it, and the services continue without help.</summary>
[Collection(ReplicatedServers.Name)]
public sealed class FailoverTests(ReplicatedServers fixture)
{
    [Fact]
    public async Task Failover_under_load_loses_no_acknowledged_event_and_counts_none_twice()
    {
        var servers = await fixture.WholeAsync();
        await using var installation = await ReplicatedInstallation.StartAsync(await servers.CreateDatabaseAsync(), apis: 2);
        var processors = Enumerable.Range(0, 2).Select(_ => installation.Installation.StartProcessor()).ToArray();
        var load = new FailoverLoad(installation);
        _ = load.RunAsync();
        await load.MoreAsync(300);

        await servers.KillPrimaryAsync();
        await servers.PromoteAsync();
        await load.MoreAsync(300);

        await load.StopAsync();
        load.Report();
        await load.AssertLedgerAsync();
        Assert.All(processors, processor => Assert.False(processor.HasExited, processor.Output));
        Assert.All(installation.Apis, api => Assert.False(api.Process.HasExited, api.Process.Output));
    }
}
