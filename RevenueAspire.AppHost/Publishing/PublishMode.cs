using RevenueAspire.AppHost.Model;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>How the published services differ from those on this machine: they share no disk, several processes of each run, and the API is public.</summary>
internal static class PublishMode
{
    /// <summary>Completes the model when it is published; on this machine it does nothing.</summary>
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
        // Azure answers http by a redirection to https, which turns a POST into a GET.
        client.WithEnvironment("Client__Url", ReferenceExpression.Create($"https://{api.GetEndpoint("http").Property(EndpointProperty.Host)}"));
        processor.WithLogInDatabase();

        var environment = new BicepModule("containerapps", new Dictionary<string, string> { ["userPrincipalId"] = "" });
        builder.AddResource(environment).WithManifestPublishingCallback(environment.WriteAsync);
        foreach (var service in (IResourceBuilder<ProjectResource>[])[api, client, processor])
        {
            service.PublishAsContainerApp(environment);
        }
    }

    /// <summary>API and processor share no disk there, and a container's own disk is lost with it.</summary>
    private static IResourceBuilder<ProjectResource> WithLogInDatabase(this IResourceBuilder<ProjectResource> service) =>
        service.WithEnvironment("EventLog__Engine", "Postgres");
}
