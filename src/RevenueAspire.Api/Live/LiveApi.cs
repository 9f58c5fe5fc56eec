using Npgsql;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Live;

/// <summary>The stream that the page at <c>/</c> shows.</summary>
internal static class LiveApi
{
    public static void AddLive(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => new OverviewQueries(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<LiveFeed>().AddSingleton<TopUsers>().AddSingleton<LiveStream>();
        builder.Services.AddHostedService<LedgerPoller>();
    }

    public static void MapLive(this WebApplication app)
    {
        // The request lasts as long as the viewer watches, which would distort the metrics of request durations.
        app.MapRead("/liveLedger", app.Services.GetRequiredService<LiveStream>().HandleAsync).DisableHttpMetrics();
    }
}
