using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Replication;

/// <summary>Three servers for all replication tests, which run one after the other. Each test first repairs the damage of the previous one.</summary>
[CollectionDefinition(Name)]
public sealed class ReplicatedServers : ICollectionFixture<ReplicatedServers>, IAsyncLifetime
{
    public const string Name = "replicated servers";

    private ReplicatedPostgres? _servers;

    /// <summary>Repairs and returns the servers.</summary>
    public async Task<ReplicatedPostgres> WholeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux lists the processes of a server in /proc.");
        _servers ??= await ReplicatedPostgres.StartAsync();
        await _servers.HealAsync();
        return _servers;
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _servers?.DisposeAsync() ?? ValueTask.CompletedTask;
}
