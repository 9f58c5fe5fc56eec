using Aspire.Hosting.Docker.Resources.ServiceNodes.Swarm;
using RevenueAspire.AppHost.Model;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>How the published services differ from those on this machine: no disk is shared or kept, several processes of each run, and anybody can reach the API.</summary>
internal static class PublishMode
{
    /// <summary>Postgres' port stays inside; the API's is this one on a machine with Docker.</summary>
    private const int ComposeApiPort = 8000;

    /// <summary>Longer than the services take to stop: they answer what is in flight, and the API closes its log.</summary>
    private const string StopGracePeriod = "40s";

    /// <summary>Completes the model where it is published; on this machine it does nothing.</summary>
    public static void AddPublishMode(
        this IDistributedApplicationBuilder builder, IResourceBuilder<ProjectResource> api, IResourceBuilder<ProjectResource> client, IResourceBuilder<ProjectResource> processor)
    {
        if (builder.ExecutionContext.IsRunMode)
        {
            return;
        }

        var target = builder.PublishTarget();
        var replicas = builder.Number("Api:Replicas", otherwise: target is PublishTarget.Azure ? 2 : 1, least: 1, most: 16);
        api.WithLogInDatabase()
            .WithReplicas(replicas)
            .WithExternalHttpEndpoints()
            .WithEnvironment("Ingest__ReadSecrets__0", builder.AddParameter("read-secret", secret: true));
        processor.WithLogInDatabase();

        if (target is PublishTarget.Azure)
        {
            builder.AddAzureContainerAppEnvironment("cloud");
            return;
        }

        // Aspire's dashboard would come as an image that is built anew each night, with a port to the world.
        builder.AddDockerComposeEnvironment("compose").WithDashboard(enabled: false);
        api.WithEndpoint("http", endpoint => endpoint.Port = replicas == 1 ? ComposeApiPort : null);
        foreach (var service in (IResourceBuilder<ProjectResource>[])[api, client, processor])
        {
            service.PublishAsDockerComposeService((_, container) =>
            {
                container.Restart = "unless-stopped";
                container.StopGracePeriod = StopGracePeriod;
                container.Deploy = new Deploy { Replicas = service.Resource.GetReplicaCount() };
            });
        }
    }

    /// <summary>API and processor share no disk there, and a container's own goes away with it.</summary>
    private static IResourceBuilder<ProjectResource> WithLogInDatabase(this IResourceBuilder<ProjectResource> service) =>
        service.WithEnvironment("EventLog__Engine", "Postgres");
}
