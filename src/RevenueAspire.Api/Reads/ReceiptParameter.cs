using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary>Checks the receipt of a request.</summary>
internal static class ReceiptParameter
{
    /// <summary>Reads a receipt, and looks its record up in the logs that this API knows.</summary>
    /// <param name="encoded">The percent-encoded text of the request target.</param>
    /// <param name="plusIsSpace">See <see cref="RawTarget.TryDecode"/>.</param>
    /// <param name="field">Name of the parameter.</param>
    /// <param name="log">The log.</param>
    /// <param name="cancellationToken">Cancels the look-up.</param>
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
}
