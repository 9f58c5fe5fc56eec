using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using RevenueAspire.Api.Errors;
using RevenueAspire.Api.Reads;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.History;

/// <summary>Times, and the texts of refusals.</summary>
internal static class HistoryText
{
    /// <summary>RFC 3339 in UTC, without trailing zeros in the fraction of the second.</summary>
    [return: NotNullIfNotNull(nameof(time))]
    public static string? Of(DateTime? time) => time?.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    public static Problem ProblemOf(HistoryRefusal refusal, DateTime? retainedFrom)
    {
        var (status, field, text) = refusal switch
        {
            HistoryRefusal.NotKept => (StatusCodes.Status404NotFound, "history", "this installation keeps no history (History:Enabled)."),
            HistoryRefusal.UnknownUser => (StatusCodes.Status404NotFound, UserIdParameter.Name, "the ledger has no such user."),
            HistoryRefusal.FromDropped => (StatusCodes.Status410Gone, HistoryParameters.From, Dropped()),
            HistoryRefusal.ToDropped => (StatusCodes.Status410Gone, HistoryParameters.To, Dropped()),
            HistoryRefusal.AfterDropped => (StatusCodes.Status410Gone, HistoryParameters.After, Dropped()),
            HistoryRefusal.AfterUnknown => (StatusCodes.Status400BadRequest, HistoryParameters.After, "is not a position in this user's history."),
            HistoryRefusal.TooLong => (StatusCodes.Status503ServiceUnavailable, HistoryParameters.To,
                "the sums took too long; request a shorter range, or try again later."),
            _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
        };
        return Problem.Of(status, $"{field}: {text}", field);

        string Dropped() => $"the history begins at {Of(retainedFrom)}; older events were removed (History:Retain).";
    }
}
