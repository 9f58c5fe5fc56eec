using Npgsql;
using RevenueAspire.Api.OpenApi;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Live;

/// <summary>The stream that the page at <c>/</c> shows.</summary>
internal static class LiveApi
{
    public static WebApplicationBuilder AddLive(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => new OverviewQueries(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<LiveFeed>().AddSingleton<TopUsers>().AddSingleton<LiveStream>();
        builder.Services.AddHostedService<LedgerPoller>();
        return builder;
    }

    public static WebApplication MapLive(this WebApplication app)
    {
        var stream = app.Services.GetRequiredService<LiveStream>();
        app.MapRead("/liveLedger", stream.HandleAsync)
            .Describe(
                stream.HandleAsync, "liveLedger", "Read", "Watch the ledger",
                "Server-sent events. The first is named history and contains the figures of the last ten minutes. Then one named snapshot follows per "
                    + "second, in the format below. The list of top users may be older, and has a separate time. "
                + "The stream ends when the API stops, or when the secret is no longer valid: send the request again.")
            .WithMetadata(ApiExample.Live, new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(LiveSnapshot), [LiveStream.ContentType]))
            .ProducesProblems(401, 403, 503)

            // The request lasts as long as the viewer watches, which would distort the metrics of request durations.
            .DisableHttpMetrics();
        return app;
    }
}
