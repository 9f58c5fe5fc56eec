using System.Collections.Immutable;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Publishes the state of the servers to the dashboard. Thread-safe.</summary>
internal sealed class LocalPostgresStates(ResourceNotificationService notifications)
{
    /// <summary>Waits until the server has ended, and publishes its end.</summary>
    public async Task PublishEndAsync(LocalPostgresServerResource resource, LocalPostgresServer server)
    {
        await server.Exited;
        await PublishAsync(resource, KnownResourceStates.Exited);
    }

    /// <summary>Publishes the state of a server and of its databases.</summary>
    public async Task PublishAsync(LocalPostgresServerResource resource, string state)
    {
        foreach (var one in WithDatabases(resource))
        {
            await notifications.PublishUpdateAsync(one, snapshot => snapshot with
            {
                State = state,
                Urls = [.. snapshot.Urls.Select(url => url with { IsInactive = state != KnownResourceStates.Running })],
                StartTimeStamp = state == KnownResourceStates.Running ? DateTime.UtcNow : snapshot.StartTimeStamp,
                StopTimeStamp = state == KnownResourceStates.Exited ? DateTime.UtcNow : snapshot.StopTimeStamp,
                Properties = one == resource ? WithRole(snapshot.Properties, resource) : snapshot.Properties,
            });
        }
    }

    /// <summary>After a promotion, publishes the roles and commands of all servers, and the state of the databases, which run again.</summary>
    public async Task PublishRolesAsync(LocalPostgresCluster cluster, bool isPrimaryRunning)
    {
        foreach (var server in cluster.Standbys)
        {
            await notifications.PublishUpdateAsync(server, snapshot => snapshot with { Properties = WithRole(snapshot.Properties, server) });
        }

        await PublishAsync(cluster.Primary, isPrimaryRunning ? KnownResourceStates.Running : KnownResourceStates.Exited);
    }

    /// <summary>The role, in the column Source of the dashboard's list.</summary>
    private static ImmutableArray<ResourcePropertySnapshot> WithRole(ImmutableArray<ResourcePropertySnapshot> properties, LocalPostgresServerResource server) =>
        server.Cluster.Servers.Count == 1
            ? properties
            : [.. properties.Where(property => property.Name != CustomResourceKnownProperties.Source),
                new(CustomResourceKnownProperties.Source, server.IsPrimary ? "primary" : $"standby of {server.Cluster.Primary.Name}")];

    /// <summary>The server and the databases on it.</summary>
    public static IEnumerable<IResource> WithDatabases(LocalPostgresServerResource resource) =>
        resource.IsPrimary ? [resource, .. resource.Cluster.Databases] : [resource];
}
