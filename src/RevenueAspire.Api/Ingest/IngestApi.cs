using RevenueAspire.Api.Access;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Ingest;

/// <summary>The calls that accept events.</summary>
internal static class IngestApi
{
    private const string SingleEventPath = "/liveEvent";

    public static void AddIngest(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IngestMetrics>().AddSingleton<CallerLimits>().AddSingleton<BatchMemory>()
            .AddSingleton<SingleEvent>().AddSingleton<Batch>()
            .AddSingleton<KeyState>().AddHostedService<IngestReport>();
    }

    /// <summary>Runs the endpoint of <c>POST /liveEvent</c> before routing and the other middleware, which cost more than the event. Call it first. It handles
    /// only the exact path, and callers with a secret or a token in the cache. Every other request reaches the same endpoint through the middleware.</summary>
    public static void UseSingleEventShortcut(this WebApplication app)
    {
        RouteEndpoint? endpoint = null;
        var access = app.Services.GetRequiredService<AccessControl>();
        var single = app.Services.GetRequiredService<SingleEvent>();
        app.Use(next => context =>
        {
            if (context.Request.Path.Value != SingleEventPath || !HttpMethods.IsPost(context.Request.Method)
                || !access.MayIngest(context.Request.Headers.Authorization, out var caller))
            {
                return next(context);
            }

            // Metrics and traces need the route's name.
            endpoint ??= app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
                .Single(route => route.RoutePattern.RawText == SingleEventPath);
            context.SetEndpoint(endpoint);
            var handling = single.HandleAsync(context, caller);
            return handling.IsCompleted ? SocketThreads.CompleteOnPoolAsync(handling) : handling;
        });
    }

    public static void MapIngest(this WebApplication app)
    {
        var services = app.Services;
        app.MapPost(SingleEventPath, services.GetRequiredService<SingleEvent>().HandleAsync).RequireAuthorization(AccessPolicies.Send);
        app.MapPost("/liveEvents", services.GetRequiredService<Batch>().HandleAsync).RequireAuthorization(AccessPolicies.Send);
        app.MapRead("/liveEvents/state", services.GetRequiredService<KeyState>().HandleAsync, AccessPolicies.Send);
    }
}
