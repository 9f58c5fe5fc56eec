using RevenueAspire.Api.Access;

namespace RevenueAspire.Api.Health;

/// <summary>The checks of <c>/health</c>, and the callers that see their details.</summary>
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

    /// <summary>Whether the caller sees more than the status words: it needs the right to read, and a secret or a token. With open reads every caller may read
    /// balances, but only in Development does a caller without credentials see folders and disks.</summary>
    public static bool ShowsDetails(HttpContext context) =>
        context.User.HasScope(Scopes.Read)
        && (context.User.Identity is { IsAuthenticated: true } || context.RequestServices.GetRequiredService<IHostEnvironment>().IsDevelopment());
}
