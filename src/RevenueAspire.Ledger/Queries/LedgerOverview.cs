namespace RevenueAspire.Ledger;

/// <summary>The ledger at a glance, as of one moment.</summary>
/// <param name="TotalRevenue">Sum over all users as decimal digits, without the merged part of ranges that are not closed yet.</param>
/// <param name="Events">Events in it.</param>
/// <param name="RejectedLines">Lines that were no events.</param>
/// <param name="ProcessorsAtWork">Processors that hold a lease on a source or a range now.</param>
/// <param name="AppliedThrough">Per requested source that the ledger knows: bytes before this offset are in the ledger.</param>
/// <param name="LatestRejects">The latest rejected lines, newest first.</param>
public sealed record LedgerOverview(
    string TotalRevenue, long Events, long RejectedLines, int ProcessorsAtWork, IReadOnlyDictionary<Guid, long> AppliedThrough,
    IReadOnlyList<StoredReject> LatestRejects);

/// <summary>A row of <c>rejected_event</c>.</summary>
/// <param name="Source">Name of the source: a full path, or the log's name; null when the ledger no longer knows the source.</param>
/// <param name="Offset">Byte offset of the line in its source.</param>
/// <param name="Line">Line number from 1; null until the line's range is closed.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Beginning">The line's beginning.</param>
/// <param name="At">When it was stored.</param>
public sealed record StoredReject(string? Source, long Offset, long? Line, string Reason, string Beginning, DateTime At);

/// <summary>A row of <c>users_revenue</c>.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Revenue">Decimal digits.</param>
public sealed record UserBalance(string UserId, string Revenue);
