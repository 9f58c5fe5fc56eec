using Npgsql;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary>The calls that read the ledger.</summary>
internal static class ReadsApi
{
    public static void AddReads(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => new LedgerQueries(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<LedgerReader>().AddSingleton<AppliedOffset>().AddSingleton<UserEvents>().AddSingleton<Receipts>();
        builder.Services.AddHostedService<SchemaSetup>();
        builder.Services.AddSingleton<LedgerGuard>().AddHostedService(services => services.GetRequiredService<LedgerGuard>());
    }

    public static void MapReads(this WebApplication app)
    {
        var users = app.Services.GetRequiredService<UserEvents>();
        app.MapRead("/userEvents/{userid}", users.HandleAsync, AccessPolicies.ReadUser);
        app.MapRead("/userEvents", users.HandleAsync, AccessPolicies.ReadUser);
        app.MapRead("/receipts/{receipt}", app.Services.GetRequiredService<Receipts>().HandleAsync);
    }
}
