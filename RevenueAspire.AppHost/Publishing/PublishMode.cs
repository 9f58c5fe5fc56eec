using RevenueAspire.AppHost.Model;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>Settings of published services. Unlike those on this machine, they share no disk, each has several processes, and the API is public.</summary>
internal static class PublishMode
{
    /// <summary>Completes the model for publishing. Does nothing on this machine.</summary>
    public static void AddPublishMode(
        this IDistributedApplicationBuilder builder,
        IResourceBuilder<ProjectResource> api,
        IResourceBuilder<ProjectResource> client,
        IResourceBuilder<ProjectResource> processor)
    {
        if (builder.ExecutionContext.IsRunMode)
        {
            return;
        }

        api.WithLogInDatabase()
            .WithReplicas(builder.Number("Api:Replicas", otherwise: 2, least: 1, most: 16))
            .WithExternalHttpEndpoints()
            .WithEnvironment("Ingest__ReadSecrets__0", builder.AddParameter("read-secret", secret: true));
        // Use https, because Azure would redirect http to https, which turns a POST into a GET.
        client.WithEnvironment("Client__Url", ReferenceExpression.Create($"https://{api.GetEndpoint("http").Property(EndpointProperty.Host)}"));
        processor.WithLogInDatabase();

        var environment = new BicepModule("containerapps", new Dictionary<string, string> { ["userPrincipalId"] = "" });
        builder.AddResource(environment).WithManifestPublishingCallback(environment.WriteAsync);
        foreach (var service in (IResourceBuilder<ProjectResource>[])[api, client, processor])
        {
            service.PublishAsContainerApp(environment);
        }
    }

    /// <summary>Puts the log into Postgres: published APIs and processors share no disk, and a container loses its disk when it ends.</summary>
    private static IResourceBuilder<ProjectResource> WithLogInDatabase(this IResourceBuilder<ProjectResource> service) =>
        service.WithEnvironment("EventLog__Engine", "Postgres");
}
