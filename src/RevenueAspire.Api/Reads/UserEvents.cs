using System.Text;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Configuration;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;
using RevenueAspire.Events;

namespace RevenueAspire.Api.Reads;

/// <summary><c>GET /userEvents/{userid}</c> and <c>GET /userEvents?userId=</c>: a user's revenue, on request not before a receipt is in the ledger.</summary>
internal sealed class UserEvents(LedgerReader ledger, AppliedOffset applied, EventLogWriter log, IOptions<ApiOptions> options)
{
    private const int RetrySeconds = 1;
    private const string Field = UserIdParameter.Name;

    private readonly TimeSpan _timeout = options.Value.ReadAfterTimeout;

    /// <summary>The id is in the path.</summary>
    public Task HandlePathAsync(HttpContext context) =>
        UserIdParameter.TryReadPath(context, out var userId)
            ? AnswerAsync(context, userId)
            : BadUserId(context, "must be one path segment, percent-encoded once as UTF-8; /userEvents?userId= takes any id.");

    /// <summary>The id is a query parameter.</summary>
    public Task HandleQueryAsync(HttpContext context) =>
        UserIdParameter.TryReadQuery(context, out var userId)
            ? AnswerAsync(context, userId)
            : BadUserId(context, "must be given once, as /userEvents/{userid} or /userEvents?userId=, percent-encoded as UTF-8.");

    private async Task AnswerAsync(HttpContext context, string userId)
    {
        if (userId.Length == 0 || userId.Contains('\0') || Encoding.UTF8.GetByteCount(userId) > EventParser.MaxUserIdBytes)
        {
            await BadUserId(context, $"must be 1 to {EventParser.MaxUserIdBytes} bytes of UTF-8 without U+0000.");
            return;
        }

        var after = RawTarget.FindParameters(context, "after");
        if (after.Count > 0 && !await TryWaitAsync(context, after))
        {
            return;
        }

        var revenue = await (after.Count > 0
            ? ledger.FindSettledRevenueAsync(userId, context.RequestAborted) : ledger.FindRevenueAsync(userId, context.RequestAborted));
        await (revenue is null
            ? ProblemResponse.WriteAsync(context, StatusCodes.Status404NotFound, "userId: the ledger has no such user.", Field)
            : context.Response.WriteAsJsonAsync(new UserRevenue(userId, revenue), ApiJson.Of<UserRevenue>(), ContentTypes.Json));
    }

    /// <summary>Waits for <c>?after=</c>, or answers why it cannot be waited for.</summary>
    private async Task<bool> TryWaitAsync(HttpContext context, List<string> parameters)
    {
        if (parameters.Count > 1)
        {
            await ProblemResponse.WriteAsync(context, StatusCodes.Status400BadRequest, "after: must be given once.", "after");
            return false;
        }

        var (receipt, problem) = await ReceiptParameter.CheckAsync(parameters[0], plusIsSpace: true, "after", log, context.RequestAborted);
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

    private static Task BadUserId(HttpContext context, string text) =>
        ProblemResponse.WriteAsync(context, StatusCodes.Status400BadRequest, $"{Field}: {text}", Field);
}
