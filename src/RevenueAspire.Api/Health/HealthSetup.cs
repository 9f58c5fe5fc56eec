using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Health;

/// <summary>What <c>/health</c> checks.</summary>
internal static class HealthSetup
{
    public static WebApplicationBuilder AddHealth(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<LogStorage>();
        var checks = builder.Services.AddHealthChecks().AddCheck<LogHealthCheck>("log").AddCheck<DatabaseHealthCheck>("database");
        if (TokenSettings.HaveServer(builder.Configuration))
        {
            checks.AddCheck<IdentityHealthCheck>("tokens");
        }

        return builder;
    }
}
