using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Reads;

/// <summary><c>GET /receipts/{receipt}</c>: the state of an event.</summary>
internal sealed class Receipts(LedgerReader ledger, EventLogWriter log)
{
    public async Task HandleAsync(HttpContext context)
    {
        var (receipt, problem) = await CheckAsync(
            RawTarget.FindSecondSegment(context), plusIsSpace: false, "receipt", log, context.RequestAborted);
        await (problem is null
            ? context.Response.WriteAsJsonAsync(await FindStateAsync(receipt, context.RequestAborted), ApiJson.Of<ReceiptState>(), ContentTypes.Json)
            : ProblemResponse.WriteAsync(context, problem));
    }

    /// <summary>Reads a percent-encoded receipt, and looks its record up in the logs that this API knows.</summary>
    /// <exception cref="EventLogException">The log cannot be read.</exception>
    /// <returns>The receipt, or the problem to answer when it names no record.</returns>
    public static async ValueTask<(Receipt Receipt, Problem? Problem)> CheckAsync(
        string? encoded, bool plusIsSpace, string field, EventLogWriter log, CancellationToken cancellationToken)
    {
        if (!RawTarget.TryDecode(encoded, plusIsSpace, out var text) || !Receipt.TryParse(text, out var receipt))
        {
            return (default, Problem.Of(
                StatusCodes.Status400BadRequest, $"{field}: must be a receipt from the answer of a POST: 32 hex digits, a colon, a number.", field));
        }

        try
        {
            return (receipt, await log.LookUpAsync(receipt, cancellationToken) switch
            {
                ReceiptLookup.Record => null,
                ReceiptLookup.OtherLog => Problem.Of(StatusCodes.Status404NotFound, $"{field}: this receipt belongs to another log.", field),
                _ => Problem.Of(StatusCodes.Status404NotFound, $"{field}: this log has no such record.", field),
            });
        }
        catch (IOException exception)
        {
            throw new EventLogException(exception.Message, exception);
        }
    }

    private async Task<ReceiptState> FindStateAsync(Receipt receipt, CancellationToken cancellationToken)
    {
        try
        {
            if (await ledger.FindAppliedThroughAsync(receipt.LogId, cancellationToken) is not { } applied || applied <= receipt.Offset)
            {
                return new ReceiptState("durable");
            }

            var reason = await ledger.ReadAsync(
                (LedgerQueries queries, CancellationToken cancellation) => queries.FindRejectReasonAsync(receipt.LogId, receipt.Offset, cancellation),
                cancellationToken);
            return reason is null ? new ReceiptState("applied") : new ReceiptState("rejected", reason);
        }
        catch (LedgerUnavailableException)
        {
            // Without the database, only 'durable' is certain: a crash of the database can also undo 'applied'.
            return new ReceiptState("durable");
        }
    }
}
