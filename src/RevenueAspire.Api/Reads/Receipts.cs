using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary><c>GET /receipts/{receipt}</c>: the state of an event.</summary>
internal sealed class Receipts(LedgerReader ledger, EventLogWriter log)
{
    public async Task HandleAsync(HttpContext context)
    {
        var (receipt, problem) = await ReceiptParameter.CheckAsync(
            RawTarget.FindSecondSegment(context), plusIsSpace: false, "receipt", log, context.RequestAborted);
        await (problem is null
            ? context.Response.WriteAsJsonAsync(await FindStateAsync(receipt, context.RequestAborted), ApiJson.Of<ReceiptState>(), ContentTypes.Json)
            : ProblemResponse.WriteAsync(context, problem));
    }

    private async Task<ReceiptState> FindStateAsync(Receipt receipt, CancellationToken cancellationToken)
    {
        try
        {
            if (await ledger.FindAppliedThroughAsync(receipt.LogId, cancellationToken) is not { } applied || applied <= receipt.Offset)
            {
                return ReceiptState.Durable;
            }

            return await ledger.FindRejectReasonAsync(receipt.LogId, receipt.Offset, cancellationToken) is { } reason ? ReceiptState.Rejected(reason)
                : ReceiptState.Applied;
        }
        catch (LedgerUnavailableException)
        {
            // Without the database, only 'durable' is certain: a crash of the database can also undo 'applied'.
            return ReceiptState.Durable;
        }
    }
}
