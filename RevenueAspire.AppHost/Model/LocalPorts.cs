using Microsoft.Extensions.DependencyInjection;
using RevenueAspire.AppHost.Ports;

namespace RevenueAspire.AppHost.Model;

internal static class LocalPorts
{
    /// <summary>Makes the service listen on the setting's port directly, without a proxy. When published, the platform chooses the port. If the port is in use,
    /// the service does not start, and the dashboard and the console show one line.</summary>
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
