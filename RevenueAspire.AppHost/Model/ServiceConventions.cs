using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.AppHost.Model;

/// <summary>What each service of this model gets.</summary>
internal static class ServiceConventions
{
    /// <summary>On this machine: one data directory for all, and the AppHost's environment name. Published, folders are the platform's.</summary>
    public static IResourceBuilder<ProjectResource> WithSharedFolders(this IResourceBuilder<ProjectResource> service)
    {
        var builder = service.ApplicationBuilder;
        return builder.ExecutionContext.IsPublishMode
            ? service
            : service
                .WithEnvironment("ASPNETCORE_ENVIRONMENT", builder.Environment.EnvironmentName)
                .WithEnvironment("DOTNET_ENVIRONMENT", builder.Environment.EnvironmentName)
                // One line an entry; Aspire's default has two.
                .WithEnvironment("Logging__Console__FormatterName", "line")
                .WithEnvironment("Data__Directory", DataDirectory.Resolve(builder.Configuration))
                .WithEnvironment("EventLog__Directory", DataDirectory.ResolveEventLog(builder.Configuration));
    }

    /// <summary>Further links in the dashboard, by their names.</summary>
    public static IResourceBuilder<ProjectResource> WithNamedUrls(this IResourceBuilder<ProjectResource> service, params (string Path, string Name)[] urls)
    {
        foreach (var (path, name) in urls)
        {
            service.WithUrlForEndpoint("http", _ => new ResourceUrlAnnotation { Url = path, DisplayText = name });
        }

        return service;
    }
}
