using RevenueAspire.Api.Access;
using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.OpenApi;

namespace RevenueAspire.Api.Ingest;

/// <summary>The calls that take events.</summary>
internal static class IngestApi
{
    private const string SingleEventPath = "/liveEvent";

    public static WebApplicationBuilder AddIngest(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IngestMetrics>().AddSingleton<CallerLimits>().AddSingleton<BatchMemory>()
            .AddSingleton<SingleEvent>().AddSingleton<Batch>().AddSingleton<KeyState>()
            .AddHostedService<IngestReport>();
        return builder;
    }

    /// <summary>Runs the endpoint of <c>POST /liveEvent</c>, spelled exactly so, before routing and the other middleware, which cost more than the event. Call
    /// it first. Every other request reaches the same endpoint through them: another spelling, and a caller whose right is not known without them, such as
    /// one with a token that was not validated before.</summary>
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

            // Metrics and traces name the route.
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
                "Answers once the event is on disk (fsync). A repeat with the same Idempotency-Key gets the first answer and is not appended again.")
            .RequireAuthorization(AccessPolicies.Send)
            .WithMetadata(ApiParameter.IdempotencyKey, ApiBody.Event, ApiExample.Receipt)
            .Produces<ReceiptAnswer>(StatusCodes.Status202Accepted)
            .ProducesProblems(400, 401, 403, 408, 413, 415, 422, 429, 503);

        app.MapPost("/liveEvents", batch.HandleAsync)
            .Describe(
                batch.HandleAsync, "liveEvents", "Send", "Send many events as JSON Lines",
                "All valid lines are appended as one atomic batch under one fsync. Blank lines are skipped; other lines that are no events are counted, and "
                    + "the first of them (?listed=) are listed.")
            .RequireAuthorization(AccessPolicies.Send)
            .WithMetadata(ApiParameter.IdempotencyKey, ApiParameter.ContentEncoding, ApiParameter.Listed, ApiBody.EventLines, ApiExample.Batch)
            .Produces<BatchAnswer>(StatusCodes.Status202Accepted)
            .ProducesProblems(400, 401, 403, 408, 413, 415, 422, 429, 503);

        app.MapRead("/liveEvents/state", state.HandleAsync, AccessPolicies.Send)
            .Describe(
                state.HandleAsync, "liveEventsState", "Send", "Ask which keys are remembered",
                "For a client that resumes: a repeat of a request that was sent after keysFrom is recognized by its key. Positions are offsets of the log's "
                    + "receipts, unless the keys are shared by several logs.")
            .WithMetadata(ApiExample.KeyState)
            .Produces<KeyStateAnswer>(StatusCodes.Status200OK)
            .ProducesProblems(401, 403, 503);

        return app;
    }
}
