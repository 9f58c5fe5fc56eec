using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Adds local Postgres servers to the model.</summary>
internal static class LocalPostgresBuilderExtensions
{
    /// <summary>Adds a database on Postgres servers that the AppHost runs on this machine, with installed or downloaded programs. The manifest omits
    /// it.</summary>
    /// <param name="builder">The model.</param>
    /// <param name="cluster">The servers; each becomes a resource.</param>
    /// <param name="name">Name of the database, created when the primary is running.</param>
    public static IResourceBuilder<LocalPostgresDatabaseResource> AddLocalPostgresDatabase(
        this IDistributedApplicationBuilder builder, LocalPostgresCluster cluster, [ResourceName] string name)
    {
        builder.Services.AddSingleton<LocalPostgresServers>().AddSingleton<LocalPostgresStates>().AddSingleton<LocalPostgresPromotion>()
            .AddSingleton<LocalPostgresRunner>();
        foreach (var server in cluster.Servers)
        {
            builder.AddServer(server);
        }

        var database = new LocalPostgresDatabaseResource(name, cluster);
        cluster.Add(database);
        var added = builder.AddResource(database)
            .WithInitialState(new CustomResourceSnapshot { ResourceType = "LocalPostgresDatabase", State = KnownResourceStates.NotStarted, Properties = [] })
            .WithIconName("Database")
            .WithHealth(name + "_check", new LocalPostgresDatabaseHealthCheck(cluster))
            .ExcludeFromManifest();
        return cluster.Servers.Count == 1 ? added.WithParentRelationship(cluster.Primary) : added;
    }

    private static void AddServer(this IDistributedApplicationBuilder builder, LocalPostgresServerResource server)
    {
        var added = builder.AddResource(server)
            .WithInitialState(new CustomResourceSnapshot
            {
                ResourceType = "LocalPostgres",
                State = server.IsPrimary ? KnownResourceStates.NotStarted : KnownResourceStates.Waiting,
                CreationTimeStamp = DateTime.UtcNow,
                Properties = [new("Data directory", server.DataDirectory), new("Port", server.Port)],
            })
            // Set the addresses as annotations: the orchestrator overwrites the addresses in a snapshot with those of annotations.
            .WithUrl(string.Create(CultureInfo.InvariantCulture, $"tcp://localhost:{server.Port}"))
            .WithIconName("DatabaseMultiple")
            .WithHealth(server.Name + "_check", new LocalPostgresHealthCheck(server))
            .ExcludeFromManifest()
            .WithStartAndStop()
            .WithPromotion();
        if (server.IsPrimary)
        {
            // The primary's start also starts its standbys, since they are copies of it.
            added.OnInitializeResource((resource, initialize, cancellationToken) =>
                initialize.Services.GetRequiredService<LocalPostgresRunner>().StartAsync(resource, cancellationToken));
        }
    }

    private static IResourceBuilder<T> WithHealth<T>(this IResourceBuilder<T> resource, string name, IHealthCheck check)
        where T : IResource
    {
        resource.ApplicationBuilder.Services.AddHealthChecks().Add(new HealthCheckRegistration(name, check, HealthStatus.Unhealthy, tags: null));
        return resource.WithHealthCheck(name);
    }
}
