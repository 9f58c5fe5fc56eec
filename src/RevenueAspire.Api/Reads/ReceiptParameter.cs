using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Requests;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary>Checks a receipt that a client has sent.</summary>
internal static class ReceiptParameter
{
    /// <summary>Reads the receipt of a record of this log.</summary>
    /// <param name="encoded">As it stands in the request target.</param>
    /// <param name="plusIsSpace">See <see cref="RawTarget.TryDecode"/>.</param>
    /// <param name="field">Name of the parameter.</param>
    /// <param name="log">The log.</param>
    /// <param name="receipt">The receipt.</param>
    /// <returns>Null when it names a record, else what to answer.</returns>
    public static Problem? Check(ReadOnlySpan<char> encoded, bool plusIsSpace, string field, EventLogWriter log, out Receipt receipt)
    {
        receipt = default;
        if (!RawTarget.TryDecode(encoded, plusIsSpace, out var text) || !Receipt.TryParse(text, out receipt))
        {
            return new Problem(StatusCodes.Status400BadRequest, "Bad Request", $"{field}: must be a receipt as POST answered it: 32 hex digits, a colon, a number.", field);
        }

        if (receipt.LogId != log.LogId)
        {
            return new Problem(StatusCodes.Status404NotFound, "Not Found", $"{field}: this receipt is of another log.", field);
        }

        try
        {
            // What retention has removed cannot be looked up, but the ledger had all of it.
            if (receipt.Offset < log.FirstOffset || (receipt.Offset < log.DurableMark && log.IsRecord(receipt.Offset)))
            {
                return null;
            }
        }
        catch (Exception exception) when (exception is EventLogException or IOException)
        {
            // Health says what is wrong with it.
            return new Problem(StatusCodes.Status503ServiceUnavailable, "Service Unavailable", "The log cannot be read at present; try again.");
        }

        return new Problem(StatusCodes.Status404NotFound, "Not Found", $"{field}: this log has no such record.", field);
    }
}
