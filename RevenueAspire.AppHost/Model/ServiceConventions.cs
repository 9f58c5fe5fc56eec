using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Model;

/// <summary>Settings that every service of this model shares.</summary>
internal static class ServiceConventions
{
    /// <summary>On this machine, all services share a data directory and the AppHost's environment name. When published, the platform sets the
    /// folders.</summary>
    public static IResourceBuilder<ProjectResource> WithSharedFolders(this IResourceBuilder<ProjectResource> service)
    {
        var builder = service.ApplicationBuilder;
        return builder.ExecutionContext.IsPublishMode
            ? service
            : service
                .WithEnvironment("ASPNETCORE_ENVIRONMENT", builder.Environment.EnvironmentName)
                .WithEnvironment("DOTNET_ENVIRONMENT", builder.Environment.EnvironmentName)
                .WithoutDevelopmentCertificate()
                // Log one line per entry, not two like Aspire. Spell this variable exactly as Aspire does: if two variables differ only in case, either may
                // win.
                .WithEnvironment("LOGGING__CONSOLE__FORMATTERNAME", "line")
                .WithEnvironment("Data__Directory", DataDirectory.Resolve(builder.Configuration))
                .WithEnvironment("EventLog__Directory", DataDirectory.ResolveEventLog(builder.Configuration))
                .WithEngine(builder.Configuration["EventLog:Engine"]);
    }

    /// <summary>Passes the log's engine to the service, if it is set.</summary>
    private static IResourceBuilder<ProjectResource> WithEngine(this IResourceBuilder<ProjectResource> service, string? engine) =>
        string.IsNullOrEmpty(engine) ? service : service.WithEnvironment("EventLog__Engine", engine);

    /// <summary>On this machine the ledger keeps a history, so that the live page can list a user's events. <c>History:Enabled=false</c> turns it off for a
    /// new ledger.</summary>
    public static IResourceBuilder<ProjectResource> WithHistory(this IResourceBuilder<ProjectResource> processor)
    {
        var builder = processor.ApplicationBuilder;
        return builder.ExecutionContext.IsPublishMode ? processor
            : processor.WithEnvironment("History__Enabled", builder.Configuration["History:Enabled"] ?? "true");
    }

    /// <summary>Sets plain HTTP for the services. Otherwise Aspire would require a development certificate, which none of them uses.</summary>
    private static IResourceBuilder<ProjectResource> WithoutDevelopmentCertificate(this IResourceBuilder<ProjectResource> service) =>
#pragma warning disable ASPIRECERTIFICATES001 // Experimental; no other setting covers the services without changing the dashboard's https profile.
        service.WithoutHttpsCertificate();
#pragma warning restore ASPIRECERTIFICATES001

    /// <summary>On this machine, adds the dashboard's health check. When published, adds probes: the platform then restarts a hanging process, and sends no
    /// requests to a service that cannot write its log.</summary>
    public static IResourceBuilder<ProjectResource> WithHealth(this IResourceBuilder<ProjectResource> service)
    {
        if (service.ApplicationBuilder.ExecutionContext.IsRunMode)
        {
            return service.WithHttpHealthCheck("/health");
        }

#pragma warning disable ASPIREPROBES001 // Experimental; no other API configures the platform's probes.
        return service
            .WithHttpProbe(ProbeType.Liveness, "/alive", periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6)
            .WithHttpProbe(ProbeType.Readiness, "/health", periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3);
#pragma warning restore ASPIREPROBES001
    }

    /// <summary>Passes only the connection string. Aspire would also pass user, password and addresses separately, which no service reads.</summary>
    public static IResourceBuilder<ProjectResource> WithDatabase(
        this IResourceBuilder<ProjectResource> service, IResourceBuilder<IResourceWithConnectionString> database) =>
        service.WithReferenceEnvironment(ReferenceEnvironmentInjectionFlags.ConnectionString).WithReference(database).WaitFor(database);

    /// <summary>Names the links in the dashboard; <c>/</c> is the service's address.</summary>
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
