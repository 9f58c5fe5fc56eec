using Npgsql;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary>The calls that read the history.</summary>
internal static class HistoryApi
{
    public static void AddHistory(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => new HistoryQueries(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<UserHistory>().AddSingleton<RevenueSteps>();
    }

    public static void MapHistory(this WebApplication app)
    {
        var history = app.Services.GetRequiredService<UserHistory>();
        var steps = app.Services.GetRequiredService<RevenueSteps>();
        app.MapRead("/userEvents/{userid}/history", history.HandleAsync, AccessPolicies.ReadUser);
        app.MapRead("/userHistory", history.HandleAsync, AccessPolicies.ReadUser);
        app.MapRead("/userEvents/{userid}/revenue", steps.HandleUserAsync, AccessPolicies.ReadUser);
        app.MapRead("/userRevenue", steps.HandleUserAsync, AccessPolicies.ReadUser);
        app.MapRead("/revenue", steps.HandleAllAsync);
    }
}
