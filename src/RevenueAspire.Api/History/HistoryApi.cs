using Npgsql;
using RevenueAspire.Api.Access;
using RevenueAspire.Api.OpenApi;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary>The calls that read the history.</summary>
internal static class HistoryApi
{
    private const string Order =
        "Newest first, in the order in which the events were applied; balance is the balance after each. opening is the balance before "
        + "the last item, so opening plus the items is the balance of the first. ";

    private const string Paging =
        "next is the value of after for the next part, or null: paging neither skips nor repeats while events arrive. With from or to "
        + "a part may be short and still have next. With Accept: text/csv the answer is the whole list as CSV, unless limit is given.";

    private const string Steps =
        "One sum per hour, day or month (UTC), at most 1000 steps; an event belongs to the step of its server time, an event of a file "
        + "to the step in which it was applied.";

    private static readonly ApiParameter[] PageParameters = [ApiParameter.From, ApiParameter.To, ApiParameter.Limit, ApiParameter.AfterItem];
    private static readonly ApiParameter[] StepParameters = [ApiParameter.StepFrom, ApiParameter.StepTo, ApiParameter.Step];

    public static WebApplicationBuilder AddHistory(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => new HistoryQueries(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<UserHistory>().AddSingleton<RevenueSteps>();
        return builder;
    }

    public static WebApplication MapHistory(this WebApplication app)
    {
        var history = app.Services.GetRequiredService<UserHistory>();
        var steps = app.Services.GetRequiredService<RevenueSteps>();

        app.MapRead("/userEvents/{userid}/history", history.HandleAsync, AccessPolicies.ReadUser)
            .Describe(history.HandleAsync, "userHistory", "Read", "List the events of a user's balance", Order + Paging)
            .WithMetadata([ApiParameter.UserIdInPath, .. PageParameters, ApiExample.History, ApiExample.HistoryCsv])
            .WithMetadata(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(UserHistoryAnswer), [ContentTypes.Json, ContentTypes.Csv]))
            .ProducesProblems(400, 401, 403, 404, 410, 503);

        app.MapRead("/userHistory", history.HandleAsync, AccessPolicies.ReadUser)
            .Describe(history.HandleAsync, "userHistoryByQuery", "Read", "List the events of a user's balance, any id",
                "The same, with the id as a query parameter: the only way for the ids . and ..")
            .WithMetadata([ApiParameter.UserIdInQuery, .. PageParameters, ApiExample.History, ApiExample.HistoryCsv])
            .WithMetadata(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(UserHistoryAnswer), [ContentTypes.Json, ContentTypes.Csv]))
            .ProducesProblems(400, 401, 403, 404, 410, 503);

        app.MapRead("/userEvents/{userid}/revenue", steps.HandleUserAsync, AccessPolicies.ReadUser)
            .Describe(steps.HandleUserAsync, "userRevenue", "Read", "Read a user's revenue per hour, day or month", Steps)
            .WithMetadata([ApiParameter.UserIdInPath, .. StepParameters, ApiExample.Steps])
            .Produces<RevenueStepsAnswer>(StatusCodes.Status200OK)
            .ProducesProblems(400, 401, 403, 404, 410, 503);

        app.MapRead("/userRevenue", steps.HandleUserAsync, AccessPolicies.ReadUser)
            .Describe(steps.HandleUserAsync, "userRevenueByQuery", "Read", "Read a user's revenue per hour, day or month, any id",
                "The same, with the id as a query parameter: the only way for the ids . and ..")
            .WithMetadata([ApiParameter.UserIdInQuery, .. StepParameters, ApiExample.Steps])
            .Produces<RevenueStepsAnswer>(StatusCodes.Status200OK)
            .ProducesProblems(400, 401, 403, 404, 410, 503);

        app.MapRead("/revenue", steps.HandleAllAsync)
            .Describe(steps.HandleAllAsync, "revenue", "Read", "Read the revenue of all users per hour, day or month",
                Steps + " The API runs one such query at a time, for at most 10 s.")
            .WithMetadata([.. StepParameters, ApiExample.Steps])
            .Produces<RevenueStepsAnswer>(StatusCodes.Status200OK)
            .ProducesProblems(400, 401, 403, 404, 410, 503);

        return app;
    }
}
