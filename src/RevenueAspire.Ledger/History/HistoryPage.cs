using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>The events of a user to list: newest first, in the order in which they were applied.</summary>
/// <param name="UserId">The user.</param>
/// <param name="From">Events of this time or later (UTC); null: from the first.</param>
/// <param name="To">Events before this time (UTC); null: to the last. The time of a file's event is the time at which it was applied.</param>
/// <param name="After">Events applied before this one; null: from the newest.</param>
/// <param name="Limit">Events at most, from 1.</param>
public sealed record HistoryRequest(string UserId, DateTime? From, DateTime? To, HistoryCursor? After, int Limit);

/// <summary>Events of a user and the balance, as of one moment.</summary>
/// <param name="Revenue">The user's balance.</param>
/// <param name="Items">Newest first.</param>
/// <param name="Opening">The balance before the last item, or at the page's place where it has no item.</param>
/// <param name="RetainedFrom">Start of the oldest partition (UTC); null when retention has dropped none.</param>
/// <param name="Next">The place after the last item; null at the end. A page that ends at the limit of scanned rows may be short and still have one.</param>
public sealed record HistoryPage(string Revenue, IReadOnlyList<HistoryItem> Items, BigInteger Opening, DateTime? RetainedFrom, HistoryCursor? Next);

/// <summary>An applied event.</summary>
/// <param name="Time">Server time (UTC); null for an event of a file.</param>
/// <param name="Name">Its name.</param>
/// <param name="Value">The value as sent, without the sign of its name.</param>
/// <param name="Balance">The user's balance after it.</param>
/// <param name="SourceId">The log, for the receipt; null for an event of a file.</param>
/// <param name="Offset">Offset of its record or line in the source.</param>
public sealed record HistoryItem(DateTime? Time, string Name, long Value, BigInteger Balance, Guid? SourceId, long Offset);

/// <summary>Sums of the events in steps of time.</summary>
/// <param name="Sums">Decimal digits by the start of the step (UTC); steps without events are missing.</param>
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

/// <summary>The reason why a request has no answer.</summary>
public enum HistoryRefusal
{
    /// <summary>It has one.</summary>
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

    /// <summary>The cursor is no place of this user's history.</summary>
    AfterUnknown,

    /// <summary>The sums take longer than the limit.</summary>
    TooLong,
}

/// <summary>An answer, or the reason why there is none.</summary>
/// <param name="Value">Null when refused.</param>
/// <param name="Refusal">The reason.</param>
/// <param name="RetainedFrom">The start of the retained history, when events were dropped.</param>
public readonly record struct HistoryResult<T>(T? Value, HistoryRefusal Refusal = HistoryRefusal.None, DateTime? RetainedFrom = null)
    where T : class;
