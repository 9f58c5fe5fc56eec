using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Health;

/// <summary>The checks of <c>/health</c>, and the callers that see their details.</summary>
internal static class HealthSetup
{
    public static void AddHealth(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<LogHealthCheck>();
        var checks = builder.Services.AddHealthChecks().AddCheck<LogHealthCheck>("log").AddCheck<DatabaseHealthCheck>("database");
        if (TokenSettings.HaveServer(builder.Configuration))
        {
            checks.AddCheck<IdentityHealthCheck>("tokens");
        }
    }

    /// <summary>Whether the caller sees details, which include folders and disks. This requires the right to read, and credentials even if reads are open. In
    /// Development, the right to read is enough.</summary>
    public static bool ShowsDetails(HttpContext context) =>
        context.User.HasScope(Scopes.Read)
        && (context.User.Identity is { IsAuthenticated: true } || context.RequestServices.GetRequiredService<IHostEnvironment>().IsDevelopment());
}
