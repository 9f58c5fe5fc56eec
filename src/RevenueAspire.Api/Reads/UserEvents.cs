using Microsoft.Extensions.Options;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary><c>GET /userEvents/{userid}</c> and <c>GET /userEvents?userId=</c>: a user's revenue. With <c>?after=</c> the answer waits for a receipt.</summary>
internal sealed class UserEvents(LedgerReader ledger, AppliedOffset applied, EventLogWriter log, IOptions<ApiOptions> options)
{
    public const string NoSuchUser = "userId: the ledger has no such user.";

    private const int RetrySeconds = 1;

    private readonly TimeSpan _timeout = options.Value.ReadAfterTimeout;

    public async Task HandleAsync(HttpContext context)
    {
        if (UserIdParameter.Check(context, out var userId) is { } problem)
        {
            await ProblemResponse.WriteAsync(context, problem);
            return;
        }

        var after = RawTarget.FindParameters(context, "after");
        if (after.Count > 0 && !await TryWaitAsync(context, after))
        {
            return;
        }

        var revenue = await ledger.ReadAsync(
            (LedgerQueries queries, CancellationToken cancellation) =>
                after.Count > 0 ? queries.FindSettledRevenueAsync(userId, cancellation) : queries.FindRevenueAsync(userId, cancellation),
            context.RequestAborted);
        await (revenue is null
            ? ProblemResponse.WriteAsync(context, StatusCodes.Status404NotFound, NoSuchUser, UserIdParameter.Name)
            : context.Response.WriteAsJsonAsync(new UserRevenue(userId, revenue), ApiJson.Of<UserRevenue>(), ContentTypes.Json));
    }

    /// <summary>Waits for <c>?after=</c>. If that fails, answers with the reason.</summary>
    private async Task<bool> TryWaitAsync(HttpContext context, List<string> parameters)
    {
        if (parameters.Count > 1)
        {
            await ProblemResponse.WriteAsync(context, StatusCodes.Status400BadRequest, "after: must be given once.", "after");
            return false;
        }

        var (receipt, problem) = await Receipts.CheckAsync(parameters[0], plusIsSpace: true, "after", log, context.RequestAborted);
        if (problem is not null)
        {
            await ProblemResponse.WriteAsync(context, problem);
            return false;
        }

        if (await applied.WaitAsync(receipt, _timeout, context.RequestAborted))
        {
            return true;
        }

        await ProblemResponse.WriteAsync(
            context, StatusCodes.Status503ServiceUnavailable, $"after: the event is on disk, but did not reach the ledger within {_timeout}; try again.",
            "after", RetrySeconds);
        return false;
    }
}
