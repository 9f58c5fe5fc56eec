using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Model;

/// <summary>Settings of a run on this machine.</summary>
internal static class RunMode
{
    /// <summary>Makes the AppHost end after its services. The stop is then complete when the prompt returns, and a local Postgres outlives its
    /// clients.</summary>
    public static IDistributedApplicationBuilder AddRunMode(this IDistributedApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ResourceProblems>();
        // If Ctrl+C arrives while resources still wait, the host would log a stack trace. StartupErrors reports a failed start, or lets the exception through.
        builder.Services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical));
        if (builder.Configuration["ASPNETCORE_URLS"] is null)
        {
            // Without a launch profile, use plain HTTP on loopback like the http profile. Aspire's default is https, which fails without a certificate.
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
