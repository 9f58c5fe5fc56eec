using RevenueAspire.Client.Http;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>Whether the API still recognizes the requests that a killed process may have sent. Pure.</summary>
internal static class ResumeRules
{
    /// <summary>Why the run cannot be resumed, or null when it can.</summary>
    /// <param name="entry">The run as it was saved last.</param>
    /// <param name="log">The API's log now; null when its health does not tell.</param>
    /// <remarks>
    /// An open request was appended, if at all, behind <see cref="JournalEntry.AsOf"/>. If the API remembers the keys of every record from there on, it answers a
    /// repeat of an appended request as a repeat. If it does not, a repeat might be counted twice, and nobody can tell.
    /// </remarks>
    public static string? Check(JournalEntry entry, LogState? log)
    {
        if (entry.OpenThrough == 0)
        {
            // No request had been sent.
            return null;
        }

        var open = $"lines from {entry.LinesThrough + 1} on may or may not have been counted";
        var wayOut = "compare the ledger with the file, and send what is missing as a file of its own";
        if (entry.LogId is not { } logId || log is null)
        {
            return $"the API's health does not tell which keys it remembers; {open}: {wayOut}";
        }

        if (log.Id != logId)
        {
            return $"the API now keeps another log ({log.Id:N}) than the one it began with ({logId:N}); what it had sent is not in there. Send the file without --resume if all of it belongs into the new log";
        }

        return log.KeysFrom > entry.AsOf
            ? $"its open requests are older than the API remembers keys (from offset {log.KeysFrom}, needed from {entry.AsOf}); {open}: {wayOut}"
            : null;
    }
}
