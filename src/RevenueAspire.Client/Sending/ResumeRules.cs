using RevenueAspire.Client.Http;
using RevenueAspire.Client.Journal;

namespace RevenueAspire.Client.Sending;

/// <summary>Decides whether the API still recognises the requests that a killed process may have sent. Pure.</summary>
internal static class ResumeRules
{
    /// <summary>Returns why the run cannot be resumed, or null if it can.</summary>
    /// <param name="entry">The last saved state of the run.</param>
    /// <param name="log">The API's log now; null if the API does not report it.</param>
    /// <remarks>
    /// If an open request was appended, it is after <see cref="JournalEntry.AsOf"/> in the log. If the API remembers all keys from there on, it recognises a
    /// repeat. Otherwise a repeat might count twice, unnoticed.
    /// </remarks>
    public static string? Check(JournalEntry entry, LogState? log)
    {
        if (entry.OpenThrough == 0)
        {
            // No request had been sent.
            return null;
        }

        // This comparison is valid only for a state that was read just now. In CheckKey, the state may be older than the last receipt.
        if (log is not null && log.Id == entry.LogId && log.DurableMark < entry.AsOf)
        {
            return $"the API's log ends at offset {log.DurableMark}, but this run has seen offset {entry.AsOf}: an older copy was restored, and answered lines "
                + "may be missing from it. Compare the ledger with the file, and send the missing lines as a separate file";
        }

        if (entry.Finished)
        {
            // No request is open, so none will be repeated.
            return entry.LogId is { } end && log is not null && end != log.Id ? CheckKey(entry.AsOf, end, log, entry.LinesThrough + 1) : null;
        }

        return entry.LogId is { } logId && log is not null
            ? CheckKey(entry.AsOf, logId, log, entry.LinesThrough + 1)
            : $"the API does not report which keys it remembers; {Doubt(entry.LinesThrough + 1)}";
    }

    /// <summary>Returns why a request must not be sent again, or null if it may.</summary>
    /// <param name="asOf">The log position known before the request was first sent.</param>
    /// <param name="logId">The log that it was sent to.</param>
    /// <param name="log">The API's log now.</param>
    /// <param name="line">Number of its first line, for the message.</param>
    public static string? CheckKey(long asOf, Guid logId, LogState log, long line)
    {
        if (log.Id != logId)
        {
            return $"the API now has another log ({log.Id:N}) than when the run began ({logId:N}). {OtherLogAdvice}";
        }

        return log.KeysFrom > asOf
            ? $"the API no longer remembers the keys of its open requests (from offset {log.KeysFrom}, needed from {asOf}; EventLog:KeyWindow); {Doubt(line)}"
            : null;
    }

    /// <summary>Advice after a change of the log. Lines in the first log may be in the ledger even if that log is gone, and would count twice if they were sent
    /// again.</summary>
    public const string OtherLogAdvice = "Resume with the API that has the first log, if several APIs share the address. "
        + "If that log is gone, compare the ledger with the file, and send the missing lines as a separate file";

    private static string Doubt(long line) =>
        $"lines from {line} on may or may not have been counted: compare the ledger with the file, and send the missing lines as a separate file";
}
