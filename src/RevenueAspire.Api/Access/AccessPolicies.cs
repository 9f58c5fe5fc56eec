using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.IdentityModel.JsonWebTokens;
using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.Access;

/// <summary>The authorization policies and their wiring.</summary>
internal static class AccessPolicies
{
    /// <summary>Sending events. Requires one of <c>Ingest:Secrets</c>, or a token with the scope <see cref="Scopes.Write"/>.</summary>
    public const string Send = "send";

    /// <summary>Reading everything. Requires one of <c>Ingest:ReadSecrets</c>, or a token with the scope <see cref="Scopes.Read"/>. Requires nothing if neither
    /// is configured.</summary>
    public const string Read = "read";

    /// <summary>Reading the requested user. Requires the same as <see cref="Read"/>, or that user's token with <see cref="Scopes.ReadOwn"/>.</summary>
    public const string ReadUser = "readUser";

    public static void AddAccess(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<Callers>().AddSingleton<AccessControl>().AddSingleton<AccessRefusals>().AddTransient<SecretHandler>();

        // AddAuthentication would also add data protection, which writes a key to the home directory at start.
        services.AddAuthenticationCore(authentication =>
        {
            authentication.DefaultScheme = SecretHandler.SchemeName;
            authentication.AddScheme<SecretHandler>(SecretHandler.SchemeName, displayName: null);
        });
        if (TokenSettings.AreConfigured(builder.Configuration, builder.Environment))
        {
            services.AddSingleton<ValidTokens>();
            services.Configure<AuthenticationSchemeOptions>(SecretHandler.SchemeName, options => options.ForwardDefaultSelector = SelectScheme);
            builder.AddTokens();
        }

        services.AddAuthorizationBuilder()
            .AddPolicy(Send, policy => policy.RequireClaim(Scopes.Type, Scopes.Write))
            .AddPolicy(Read, policy => policy.RequireClaim(Scopes.Type, Scopes.Read))
            .AddPolicy(ReadUser, policy => policy.RequireAssertion(MayReadUser));
    }

    /// <summary>Call it after routing. <c>POST /liveEvent</c> skips it if the caller is already authorized.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();
    }

    /// <summary>Decodes the requested id in the same way as the endpoint.</summary>
    private static bool MayReadUser(AuthorizationHandlerContext context) =>
        context.User.HasScope(Scopes.Read)
        || (context.User.HasScope(Scopes.ReadOwn) && context.Resource is HttpContext request && UserIdParameter.TryRead(request, out var userId)
            && userId == context.User.FindFirst(JwtRegisteredClaimNames.Sub)?.Value);

    /// <summary>Selects the token scheme, unless the header is a secret that begins with <c>Bearer</c>.</summary>
    private static string? SelectScheme(HttpContext context)
    {
        var authorization = context.Request.Headers.Authorization;
        return TokenEvents.TryFind(authorization, out _)
            && context.RequestServices.GetRequiredService<AccessControl>().MatchSecret(authorization) is (null, false)
                ? JwtBearerDefaults.AuthenticationScheme
                : null;
    }
}
