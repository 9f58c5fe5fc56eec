using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.AppHost.Model;

/// <summary>Settings of a run on this machine.</summary>
internal static class RunMode
{
    /// <summary>Makes the AppHost end after its services. So all processes have ended when the prompt returns, and a local Postgres stops after its
    /// clients.</summary>
    public static IDistributedApplicationBuilder AddRunMode(this IDistributedApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ResourceProblems>();
        // On Ctrl+C during the start, the host would log a stack trace. Drop its entry, because StartupErrors reports a failed start.
        builder.Services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical));
        if (builder.Configuration["ASPNETCORE_URLS"] is null)
        {
            // Without a launch profile, use http on loopback, as in the profile "http". Aspire's default, https, fails without a certificate.
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
