using RevenueAspire.CommandLine;

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
                .WithoutDevelopmentCertificate()
                // One line an entry; Aspire's default has two. In its spelling: of two variables that differ by case only, chance decides which one counts.
                .WithEnvironment("LOGGING__CONSOLE__FORMATTERNAME", "line")
                .WithEnvironment("Data__Directory", DataDirectory.Resolve(builder.Configuration))
                .WithEnvironment("EventLog__Directory", DataDirectory.ResolveEventLog(builder.Configuration))
                .WithEngine(builder.Configuration["EventLog:Engine"]);
    }

    /// <summary>The engine of the log may be set for the AppHost, as its folder.</summary>
    private static IResourceBuilder<ProjectResource> WithEngine(this IResourceBuilder<ProjectResource> service, string? engine) =>
        string.IsNullOrEmpty(engine) ? service : service.WithEnvironment("EventLog__Engine", engine);

    /// <summary>The services use plain HTTP. Without this, Aspire asks for a development certificate that none of them would use.</summary>
    private static IResourceBuilder<ProjectResource> WithoutDevelopmentCertificate(this IResourceBuilder<ProjectResource> service) =>
#pragma warning disable ASPIRECERTIFICATES001 // May still change; no other setting covers the services and leaves the dashboard's https profile as it is.
        service.WithoutHttpsCertificate();
#pragma warning restore ASPIRECERTIFICATES001

    /// <summary>On this machine, the dashboard's check. Published, probes: a process that hangs is started again, and one whose log cannot be written gets no
    /// requests until it can.</summary>
    public static IResourceBuilder<ProjectResource> WithHealth(this IResourceBuilder<ProjectResource> service)
    {
        if (service.ApplicationBuilder.ExecutionContext.IsRunMode)
        {
            return service.WithHttpHealthCheck("/health");
        }

#pragma warning disable ASPIREPROBES001 // May still change; nothing else tells the platform which paths to ask.
        return service
            .WithHttpProbe(ProbeType.Liveness, "/alive", periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6)
            .WithHttpProbe(ProbeType.Readiness, "/health", periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3);
#pragma warning restore ASPIREPROBES001
    }

    /// <summary>The connection string and nothing else: Aspire would also hand over user, password and addresses one by one, which no service reads.</summary>
    public static IResourceBuilder<ProjectResource> WithDatabase(
        this IResourceBuilder<ProjectResource> service, IResourceBuilder<IResourceWithConnectionString> database) =>
        service.WithReferenceEnvironment(ReferenceEnvironmentInjectionFlags.ConnectionString).WithReference(database).WaitFor(database);

    /// <summary>Links in the dashboard, by their names; <c>/</c> is the service's own address.</summary>
    public static IResourceBuilder<ProjectResource> WithNamedUrls(this IResourceBuilder<ProjectResource> service, params (string Path, string Name)[] urls)
    {
        foreach (var (path, name) in urls)
        {
            if (path == "/")
            {
                service.WithUrlForEndpoint("http", own => own.DisplayText = name);
            }
            else
            {
                service.WithUrlForEndpoint("http", _ => new ResourceUrlAnnotation { Url = path, DisplayText = name });
            }
        }

        return service;
    }
}
