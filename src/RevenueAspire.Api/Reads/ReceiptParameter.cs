using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary>Checks a receipt that a client has sent.</summary>
internal static class ReceiptParameter
{
    /// <summary>Reads the receipt of a record of a log that is known here.</summary>
    /// <param name="encoded">As it stands in the request target.</param>
    /// <param name="plusIsSpace">See <see cref="RawTarget.TryDecode"/>.</param>
    /// <param name="field">Name of the parameter.</param>
    /// <param name="log">The log.</param>
    /// <param name="cancellationToken">Ends the look-up.</param>
    /// <exception cref="EventLogException">The log cannot be read.</exception>
    /// <returns>The receipt; with a problem, which is what to answer, when it names no record.</returns>
    public static async ValueTask<(Receipt Receipt, Problem? Problem)> CheckAsync(
        string? encoded, bool plusIsSpace, string field, EventLogWriter log, CancellationToken cancellationToken)
    {
        if (!RawTarget.TryDecode(encoded, plusIsSpace, out var text) || !Receipt.TryParse(text, out var receipt))
        {
            return (default, Problem.Of(StatusCodes.Status400BadRequest, $"{field}: must be a receipt as POST answered it: 32 hex digits, a colon, a number.",
                field));
        }

        try
        {
            return (receipt, await log.LookUpAsync(receipt, cancellationToken) switch
            {
                ReceiptLookup.Record => null,
                ReceiptLookup.OtherLog => Problem.Of(StatusCodes.Status404NotFound, $"{field}: this receipt is of another log.", field),
                _ => Problem.Of(StatusCodes.Status404NotFound, $"{field}: this log has no such record.", field),
            });
        }
        catch (IOException exception)
        {
            throw new EventLogException(exception.Message, exception);
        }
    }
}
