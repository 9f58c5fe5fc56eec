using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Model;

/// <summary>How the model runs on this machine.</summary>
internal static class RunMode
{
    /// <summary>The AppHost ends after its services, not before them: only then is a stop over when the prompt is back, and a local Postgres outlives its clients.</summary>
    public static IDistributedApplicationBuilder AddRunMode(this IDistributedApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ResourceProblems>();
        // Ctrl+C while resources still wait would end in the host's account of it, a stack trace. What keeps the host from starting is said by StartupErrors, or passes through.
        builder.Services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical));
        if (builder.Configuration["DcpPublisher:WaitForResourceCleanup"] is null)
        {
            builder.Configuration.AddInMemoryCollection([new("DcpPublisher:WaitForResourceCleanup", "true")]);
        }

        return builder;
    }
}
