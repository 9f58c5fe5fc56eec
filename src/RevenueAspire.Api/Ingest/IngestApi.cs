using RevenueAspire.Api.Access;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.OpenApi;

namespace RevenueAspire.Api.Ingest;

/// <summary>The calls that accept events.</summary>
internal static class IngestApi
{
    private const string SingleEventPath = "/liveEvent";

    public static WebApplicationBuilder AddIngest(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IngestMetrics>().AddSingleton<CallerLimits>().AddSingleton<BatchMemory>()
            .AddSingleton<SingleEvent>().AddSingleton<Batch>()
            .AddSingleton<KeyState>().AddHostedService<IngestReport>();
        return builder;
    }

    /// <summary>Runs the endpoint of <c>POST /liveEvent</c> before routing and the other middleware, which cost more than the event. Call it first. It handles
    /// only the exact path, and callers with a secret or a token in the cache. Every other request reaches the same endpoint through the middleware.</summary>
    public static WebApplication UseSingleEventShortcut(this WebApplication app)
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
        return app;
    }

    public static WebApplication MapIngest(this WebApplication app)
    {
        var single = app.Services.GetRequiredService<SingleEvent>();
        var batch = app.Services.GetRequiredService<Batch>();
        var state = app.Services.GetRequiredService<KeyState>();

        app.MapPost(SingleEventPath, single.HandleAsync)
            .Describe(
                single.HandleAsync, "liveEvent", "Send", "Send one event",
                "Answers after the event is on disk (fsync). A repeat with the same Idempotency-Key gets the first answer and is not appended again.")
            .RequireAuthorization(AccessPolicies.Send)
            .WithMetadata(ApiParameter.IdempotencyKey, ApiBody.Event, ApiExample.Receipt)
            .Produces<ReceiptAnswer>(StatusCodes.Status202Accepted)
            .ProducesProblems(400, 401, 403, 408, 413, 415, 422, 429, 503);

        app.MapPost("/liveEvents", batch.HandleAsync)
            .Describe(
                batch.HandleAsync, "liveEvents", "Send", "Send many events as JSON Lines",
                "All valid lines are appended as one atomic batch under one fsync. Blank lines are skipped. Other invalid lines are rejected: the answer "
                    + "counts all of them and lists the first (?listed=).")
            .RequireAuthorization(AccessPolicies.Send)
            .WithMetadata(ApiParameter.IdempotencyKey, ApiParameter.ContentEncoding, ApiParameter.Listed, ApiBody.EventLines, ApiExample.Batch)
            .Produces<BatchAnswer>(StatusCodes.Status202Accepted)
            .ProducesProblems(400, 401, 403, 408, 413, 415, 422, 429, 503);

        app.MapRead("/liveEvents/state", state.HandleAsync, AccessPolicies.Send)
            .Describe(
                state.HandleAsync, "liveEventsState", "Send", "Get the range of remembered keys",
                "For a client that resumes. The API recognizes the repeat of a request by its key if durableMark had reached keysFrom when the client first "
                    + "sent it. Positions are offsets of the log's receipts, unless several logs share the keys.")
            .WithMetadata(ApiExample.KeyState)
            .Produces<KeyStateAnswer>(StatusCodes.Status200OK)
            .ProducesProblems(401, 403, 503);

        return app;
    }
}
