using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Reads;
using RevenueAspire.Api.Requests;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary><c>GET /revenue</c>, <c>GET /userEvents/{userid}/revenue</c> and <c>GET /userRevenue?userId=</c>: revenue per hour, day or month.</summary>
internal sealed class RevenueSteps(LedgerReader ledger) : IDisposable
{
    private static readonly TimeSpan QueryLimit = TimeSpan.FromSeconds(10);

    /// <summary>Sums of all users read every row in their range. So only one such query runs at a time, to limit the load on the database.</summary>
    private readonly SemaphoreSlim _all = new(1);

    public Task HandleUserAsync(HttpContext context) => UserIdParameter.Check(context, out var userId) is { } problem
        ? ProblemResponse.WriteAsync(context, problem)
        : AnswerAsync(context, userId);

    public Task HandleAllAsync(HttpContext context) => AnswerAsync(context, userId: null);

    public void Dispose() => _all.Dispose();

    private async Task AnswerAsync(HttpContext context, string? userId)
    {
        if (HistoryParameters.ReadSteps(context, out var step, out var starts) is { } problem)
        {
            await ProblemResponse.WriteAsync(context, problem);
            return;
        }

        if (userId is null && !await _all.WaitAsync(QueryLimit, context.RequestAborted))
        {
            await ProblemResponse.WriteAsync(context, HistoryText.ProblemOf(HistoryRefusal.TooLong, retainedFrom: null));
            return;
        }

        HistoryResult<HistorySums> result;
        try
        {
            result = await ledger.ReadAsync(
                (HistoryQueries queries, CancellationToken cancellation) =>
                    queries.ReadSumsAsync(userId, starts[0], starts[^1], step, QueryLimit, cancellation),
                context.RequestAborted, QueryLimit + LedgerReader.ReadTimeout);
        }
        finally
        {
            if (userId is null)
            {
                _all.Release();
            }
        }

        await (result.Value is { } sums
            ? context.Response.WriteAsJsonAsync(
                new RevenueStepsAnswer(
                    step.ToString().ToLowerInvariant(),
                    [.. starts.SkipLast(1).Select(start => new RevenueStepAnswer(HistoryText.Of(start), sums.Sums.GetValueOrDefault(start, "0")))]),
                ApiJson.Of<RevenueStepsAnswer>(), ContentTypes.Json)
            : ProblemResponse.WriteAsync(context, HistoryText.ProblemOf(result.Refusal, result.RetainedFrom)));
    }
}
