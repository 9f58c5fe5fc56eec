using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Adds a local Postgres to the model.</summary>
public static class LocalPostgresBuilderExtensions
{
    /// <summary>A server on this machine, from programs found on it or fetched. Left out of the manifest.</summary>
    /// <param name="builder">The model.</param>
    /// <param name="name">Name of the resource.</param>
    /// <param name="password">Password of user postgres.</param>
    /// <param name="dataDirectory">Full path; made at the first start.</param>
    /// <param name="port">On 127.0.0.1; 0 chooses a free one.</param>
    public static IResourceBuilder<LocalPostgresServerResource> AddLocalPostgres(
        this IDistributedApplicationBuilder builder,
        [ResourceName] string name,
        IResourceBuilder<ParameterResource> password,
        string dataDirectory,
        int port = 0)
    {
        var server = new LocalPostgresServerResource(name, password.Resource, dataDirectory, port == 0 ? FreePort() : port);
        var healthCheck = name + "_check";
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(healthCheck, _ => new LocalPostgresHealthCheck(server), HealthStatus.Unhealthy, tags: null));
        builder.Services.AddSingleton<LocalPostgresRunner>();
        return builder.AddResource(server)
            .WithInitialState(new CustomResourceSnapshot
            {
                ResourceType = "LocalPostgres",
                State = KnownResourceStates.NotStarted,
                CreationTimeStamp = DateTime.UtcNow,
                Properties = [new("Data directory", dataDirectory), new("Port", server.Port)],
            })
            // An annotation: the orchestrator overwrites the addresses of a snapshot with those of annotations.
            .WithUrl(string.Create(CultureInfo.InvariantCulture, $"tcp://localhost:{server.Port}"))
            .WithIconName("DatabaseMultiple")
            .WithHealthCheck(healthCheck)
            .ExcludeFromManifest()
            .OnInitializeResource((resource, initialize, cancellationToken) => initialize.Services.GetRequiredService<LocalPostgresRunner>().StartAsync(resource, initialize.Services, cancellationToken))
            .WithStartAndStop();
    }

    /// <summary>A database on the server, created when the server is up.</summary>
    public static IResourceBuilder<LocalPostgresDatabaseResource> AddDatabase(this IResourceBuilder<LocalPostgresServerResource> server, [ResourceName] string name)
    {
        var database = new LocalPostgresDatabaseResource(name, server.Resource);
        server.Resource.Add(database);
        return server.ApplicationBuilder.AddResource(database)
            .WithInitialState(new CustomResourceSnapshot { ResourceType = "LocalPostgresDatabase", State = KnownResourceStates.NotStarted, Properties = [] })
            .WithIconName("Database")
            .ExcludeFromManifest();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
