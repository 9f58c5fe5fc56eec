using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Model;

/// <summary>How the model runs on this machine.</summary>
internal static class RunMode
{
    /// <summary>The AppHost ends after its services, not before them: only then is a stop over when the prompt is back, and a local Postgres outlives its
    /// clients.</summary>
    public static IDistributedApplicationBuilder AddRunMode(this IDistributedApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ResourceProblems>();
        // Ctrl+C while resources still wait would end in the host's account of it, a stack trace. What keeps the host from starting is said by StartupErrors,
        // or passes through.
        builder.Services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical));
        if (builder.Configuration["ASPNETCORE_URLS"] is null)
        {
            // Started without a launch profile: plain HTTP on loopback, as in the http profile. Aspire's default is https, which fails without a certificate.
            builder.SetDefault("ASPIRE_ALLOW_UNSECURED_TRANSPORT", "true");
        }

        builder.SetDefault("DcpPublisher:WaitForResourceCleanup", "true");
        return builder;
    }

    private static void SetDefault(this IDistributedApplicationBuilder builder, string setting, string value)
    {
        if (builder.Configuration[setting] is null)
        {
            builder.Configuration.AddInMemoryCollection([new(setting, value)]);
        }
    }
}
