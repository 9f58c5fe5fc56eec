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
        "Events in the order of application, newest first, each with the balance after it. opening is the balance before "
        + "the last (oldest) item, so opening plus the revenue of all items is the balance of the first item. ";

    private const string Paging =
        "For the next part, send next as the value of after; null means the end. Events that arrive meanwhile cause no gap and no repeat. With from or to, "
        + "a part may have fewer items than limit although more follow. With Accept: text/csv and without limit, the answer is the whole list as CSV.";

    private const string Steps =
        "One sum per hour, day or month (UTC), at most 1000 steps. A sent event counts in the step of its server time, an event of a file "
        + "in the step in which it was applied.";

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
