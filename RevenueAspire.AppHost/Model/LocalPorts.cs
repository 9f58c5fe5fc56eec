using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.AppHost.Ports;

namespace RevenueAspire.AppHost.Model;

internal static class LocalPorts
{
    /// <summary>Listens on the setting's port, itself and without a proxy; published, the platform chooses. A port in use is one line in the dashboard and on
    /// the console, and the service is not started.</summary>
    public static IResourceBuilder<ProjectResource> WithLocalPort(this IResourceBuilder<ProjectResource> service, string setting, int otherwise)
    {
        var builder = service.ApplicationBuilder;
        if (builder.ExecutionContext.IsPublishMode)
        {
            return service.WithHttpEndpoint();
        }

        var port = builder.Number(setting, otherwise, least: 1, most: 65535);
        return service
            .WithHttpEndpoint(port: port, isProxied: false)
            .OnBeforeResourceStarted(async (resource, starting, cancellationToken) =>
            {
                if (await PortCheck.ProblemAsync(port, "the " + resource.Name, setting, cancellationToken) is { } problem)
                {
                    starting.Services.GetRequiredService<ResourceProblems>().Report(resource, problem);
                    throw new DistributedApplicationException(problem);
                }
            });
    }
}
