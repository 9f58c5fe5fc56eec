using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.AppHost.Model;

/// <summary>How the model runs on this machine.</summary>
internal static class RunMode
{
    /// <summary>The AppHost ends after its services, not before them: only then is a stop over when the prompt is back, and a local Postgres outlives its clients.</summary>
    public static IDistributedApplicationBuilder AddRunMode(this IDistributedApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ResourceProblems>();
        if (builder.Configuration["DcpPublisher:WaitForResourceCleanup"] is null)
        {
            builder.Configuration.AddInMemoryCollection([new("DcpPublisher:WaitForResourceCleanup", "true")]);
        }

        return builder;
    }
}
