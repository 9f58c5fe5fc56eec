using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Health;

/// <summary>What <c>/health</c> checks, and what it shows to which caller.</summary>
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

    /// <summary>Whether the caller gets more than status words: with the right to read, and a secret or a token. Where reads are open every caller may read
    /// balances, and still strangers learn nothing about folders and disks; in Development they do.</summary>
    public static bool ShowsDetails(HttpContext context) =>
        context.User.HasScope(Scopes.Read)
        && (context.User.Identity is { IsAuthenticated: true } || context.RequestServices.GetRequiredService<IHostEnvironment>().IsDevelopment());
}
