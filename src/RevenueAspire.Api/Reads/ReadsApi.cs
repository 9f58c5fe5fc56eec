using Npgsql;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.OpenApi;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary>The calls that read the ledger.</summary>
internal static class ReadsApi
{
    public static WebApplicationBuilder AddReads(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => new LedgerQueries(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<LedgerReader>().AddSingleton<AppliedOffset>().AddSingleton<UserEvents>().AddSingleton<Receipts>();
        builder.Services.AddHostedService<SchemaSetup>();
        builder.Services.AddSingleton<LedgerGuard>().AddHostedService(services => services.GetRequiredService<LedgerGuard>());
        return builder;
    }

    public static WebApplication MapReads(this WebApplication app)
    {
        var users = app.Services.GetRequiredService<UserEvents>();
        var receipts = app.Services.GetRequiredService<Receipts>();

        app.MapRead("/userEvents/{userid}", users.HandleAsync, AccessPolicies.ReadUser)
            .Describe(users.HandleAsync, "userEvents", "Read", "Read a user's revenue",
                "With after= the answer waits until the event of that receipt is in the ledger: read your own writes.")
            .WithMetadata(ApiParameter.UserIdInPath, ApiParameter.After, ApiExample.Revenue)
            .Produces<UserRevenue>(StatusCodes.Status200OK)
            .ProducesProblems(400, 401, 403, 404, 503);

        app.MapRead("/userEvents", users.HandleAsync, AccessPolicies.ReadUser)
            .Describe(users.HandleAsync, "userEventsByQuery", "Read", "Read a user's revenue, any id",
                "The same, with the id as a query parameter: the only way for the ids . and ..")
            .WithMetadata(ApiParameter.UserIdInQuery, ApiParameter.After, ApiExample.Revenue)
            .Produces<UserRevenue>(StatusCodes.Status200OK)
            .ProducesProblems(400, 401, 403, 404, 503);

        app.MapRead("/receipts/{receipt}", receipts.HandleAsync)
            .Describe(
                receipts.HandleAsync, "receipts", "Read", "Follow an event",
                "durable: on disk. applied: in the ledger. rejected: the processor could not apply it, with the reason. While the database is unavailable, the "
                    + "answer is durable.")
            .WithMetadata(ApiParameter.ReceiptInPath, ApiExample.State)
            .Produces<ReceiptState>(StatusCodes.Status200OK)
            .ProducesProblems(400, 401, 403, 404, 503);

        return app;
    }
}
