using RevenueAspire.Client.Http;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>Whether the API still recognizes the requests that a killed process may have sent. Pure.</summary>
internal static class ResumeRules
{
    /// <summary>Why the run cannot be resumed, or null when it can.</summary>
    /// <param name="entry">The run as it was saved last.</param>
    /// <param name="log">The API's log now; null when it does not tell.</param>
    /// <remarks>
    /// An open request was appended, if at all, behind <see cref="JournalEntry.AsOf"/>. If the API remembers the keys of every record from there on, it answers
    /// a repeat of an appended request as a repeat. If it does not, a repeat might be counted twice without a sign of it.
    /// </remarks>
    public static string? Check(JournalEntry entry, LogState? log)
    {
        if (entry.OpenThrough == 0)
        {
            // No request had been sent.
            return null;
        }

        // Asked just now, unlike what a request that is repeated goes by: that may be older than the last receipt.
        if (log is not null && log.Id == entry.LogId && log.DurableMark < entry.AsOf)
        {
            return $"the API's log ends at offset {log.DurableMark}, and this run has seen it at {entry.AsOf}: an older copy was restored, and lines that were "
                + "answered may be missing in it. Compare the ledger with the file, and send what is missing as a separate file";
        }

        if (entry.Finished)
        {
            // No request is open: there is none to be sent again.
            return entry.LogId is { } end && log is not null && end != log.Id ? CheckKey(entry.AsOf, end, log, entry.LinesThrough + 1) : null;
        }

        return entry.LogId is { } logId && log is not null
            ? CheckKey(entry.AsOf, logId, log, entry.LinesThrough + 1)
            : $"the API does not tell which keys it remembers; {Doubt(entry.LinesThrough + 1)}";
    }

    /// <summary>Why a request must not be sent again, or null when it may.</summary>
    /// <param name="asOf">It was first sent after this offset of the log was seen.</param>
    /// <param name="logId">The log that it was sent to.</param>
    /// <param name="log">The API's log now.</param>
    /// <param name="line">Its first line, for the message.</param>
    public static string? CheckKey(long asOf, Guid logId, LogState log, long line)
    {
        if (log.Id != logId)
        {
            return $"the API now keeps another log ({log.Id:N}) than the one it began with ({logId:N}). {OtherLogAdvice}";
        }

        return log.KeysFrom > asOf
            ? $"its open requests are older than the API remembers keys (from offset {log.KeysFrom}, needed from {asOf}; EventLog:KeyWindow); {Doubt(line)}"
            : null;
    }

    /// <summary>Lines that the first log took may be in the ledger, even when that log is gone: sent again, they would count twice.</summary>
    public const string OtherLogAdvice = "Resume at the API that keeps the first log (of several behind one address, that one). "
        + "If it is gone, compare the ledger with the file, and send what is missing as a separate file";

    private static string Doubt(long line) =>
        $"lines from {line} on may or may not have been counted: compare the ledger with the file, and send what is missing as a separate file";
}
