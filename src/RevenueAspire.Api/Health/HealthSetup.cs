namespace RevenueAspire.Api.Health;

internal static class HealthSetup
{
    public static WebApplicationBuilder AddHealth(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<LogStorage>();
        builder.Services.AddHealthChecks().AddCheck<LogHealthCheck>("log").AddCheck<DatabaseHealthCheck>("database");
        return builder;
    }
}
