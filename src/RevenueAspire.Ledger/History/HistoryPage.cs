using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>Request for a user's events, in reverse order of application: newest first.</summary>
/// <param name="UserId">The user.</param>
/// <param name="From">Lists events at or after this time (UTC); null for no limit.</param>
/// <param name="To">Lists events before this time (UTC); null for no limit. The time of a file's event is its time of application.</param>
/// <param name="After">Continues after this event, with events applied earlier; null to start with the newest.</param>
/// <param name="Limit">Maximum number of events, at least 1.</param>
public sealed record HistoryRequest(string UserId, DateTime? From, DateTime? To, HistoryCursor? After, int Limit);

/// <summary>A user's events and balance, as of one moment.</summary>
/// <param name="Revenue">The user's balance.</param>
/// <param name="Items">Newest first.</param>
/// <param name="Opening">The balance before the last item. For a page without items: the balance at the page's position.</param>
/// <param name="RetainedFrom">Start of the oldest partition (UTC); null if retention has dropped none.</param>
/// <param name="Next">The position after the last item; null at the end. A page that reached the limit of scanned rows may be short and still have
/// one.</param>
public sealed record HistoryPage(string Revenue, IReadOnlyList<HistoryItem> Items, BigInteger Opening, DateTime? RetainedFrom, HistoryCursor? Next);

/// <summary>An applied event.</summary>
/// <param name="Time">Server time (UTC); null for an event of a file.</param>
/// <param name="Name">The event's name.</param>
/// <param name="Value">The value as sent, before the sign of the event's name is applied.</param>
/// <param name="Balance">The user's balance after the event.</param>
/// <param name="SourceId">The log, for the receipt; null for an event of a file.</param>
/// <param name="Offset">Offset of its record or line in the source.</param>
public sealed record HistoryItem(DateTime? Time, string Name, long Value, BigInteger Balance, Guid? SourceId, long Offset);

/// <summary>Sums of the events per time step.</summary>
/// <param name="Sums">Sums as decimal digits, by the start of the step (UTC). Steps without events are missing.</param>
/// <param name="RetainedFrom">As in <see cref="HistoryPage"/>.</param>
public sealed record HistorySums(IReadOnlyDictionary<DateTime, string> Sums, DateTime? RetainedFrom);

/// <summary>The length of a step; days and months begin at midnight UTC.</summary>
public enum HistoryStep
{
    /// <summary>An hour.</summary>
    Hour,

    /// <summary>A day.</summary>
    Day,

    /// <summary>A calendar month.</summary>
    Month,
}

/// <summary>The reason for refusing a request.</summary>
public enum HistoryRefusal
{
    /// <summary>The request was not refused.</summary>
    None,

    /// <summary>The ledger keeps no history.</summary>
    NotKept,

    /// <summary>The ledger has no such user.</summary>
    UnknownUser,

    /// <summary>Retention has dropped events at or after <see cref="HistoryRequest.From"/>.</summary>
    FromDropped,

    /// <summary>Retention has dropped all events before <see cref="HistoryRequest.To"/>.</summary>
    ToDropped,

    /// <summary>Retention has dropped the event of the cursor.</summary>
    AfterDropped,

    /// <summary>The cursor is not a position in this user's history.</summary>
    AfterUnknown,

    /// <summary>The query for the sums exceeded its time limit.</summary>
    TooLong,
}

/// <summary>A result, or the reason for refusing the request.</summary>
/// <param name="Value">Null if refused.</param>
/// <param name="Refusal">The reason.</param>
/// <param name="RetainedFrom">The start of the retained history, if retention has dropped events.</param>
public readonly record struct HistoryResult<T>(T? Value, HistoryRefusal Refusal = HistoryRefusal.None, DateTime? RetainedFrom = null)
    where T : class;
