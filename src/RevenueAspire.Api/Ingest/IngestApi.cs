using RevenueAspire.Api.OpenApi;

namespace RevenueAspire.Api.Ingest;

/// <summary>The calls that take events.</summary>
internal static class IngestApi
{
    public static WebApplicationBuilder AddIngest(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IngestMetrics>().AddSingleton<BatchMemory>().AddSingleton<SingleEvent>().AddSingleton<Batch>();
        return builder;
    }

    public static WebApplication MapIngest(this WebApplication app)
    {
        var single = app.Services.GetRequiredService<SingleEvent>();
        var batch = app.Services.GetRequiredService<Batch>();

        app.MapPost("/liveEvent", single.HandleAsync)
            .Describe(
                single.HandleAsync, "liveEvent", "Send one event",
                "Answers once the event is on disk (fsync). A repeat with the same Idempotency-Key gets the first answer and is not appended again.")
            .WithMetadata(ApiSecret.Required, ApiParameter.IdempotencyKey, ApiBody.Event)
            .Answers<ReceiptAnswer>(StatusCodes.Status202Accepted)
            .AnswersProblems(400, 401, 408, 413, 415, 422, 503);

        app.MapPost("/liveEvents", batch.HandleAsync)
            .Describe(
                batch.HandleAsync, "liveEvents", "Send many events as JSON Lines",
                "All valid lines are appended as one atomic batch under one fsync. Blank lines are skipped; other lines that are no events are counted, and the first of them (?listed=) are listed.")
            .WithMetadata(ApiSecret.Required, ApiParameter.IdempotencyKey, ApiParameter.ContentEncoding, ApiParameter.Listed, ApiBody.EventLines)
            .Answers<BatchAnswer>(StatusCodes.Status202Accepted)
            .AnswersProblems(400, 401, 408, 413, 415, 422, 503);

        return app;
    }
}
