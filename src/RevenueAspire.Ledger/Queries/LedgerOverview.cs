namespace RevenueAspire.Ledger;

/// <summary>Totals and latest rejects of the ledger, as of one moment.</summary>
/// <param name="TotalRevenue">Sum over all users as decimal digits. Excludes ranges that are not closed yet, even if they are partly merged.</param>
/// <param name="Events">Number of events in the total.</param>
/// <param name="RejectedLines">Number of lines that were not events.</param>
/// <param name="ProcessorsAtWork">Number of processors that hold a lease on a source or a range.</param>
/// <param name="AppliedThrough">Applied offset per requested source; sources that the ledger does not know are missing.</param>
/// <param name="LatestRejects">The latest rejected lines, newest first.</param>
public sealed record LedgerOverview(
    string TotalRevenue, long Events, long RejectedLines, int ProcessorsAtWork, IReadOnlyDictionary<Guid, long> AppliedThrough,
    IReadOnlyList<StoredReject> LatestRejects);

/// <summary>A row of <c>rejected_event</c>.</summary>
/// <param name="Source">Name of the source: a full path, or the log's name. Null if the ledger no longer knows the source.</param>
/// <param name="Offset">Byte offset of the line in its source.</param>
/// <param name="Line">Line number, counted from 1; null until the line's range is closed.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Beginning">The line's beginning.</param>
/// <param name="At">Time at which the reject was stored.</param>
public sealed record StoredReject(string? Source, long Offset, long? Line, string Reason, string Beginning, DateTime At);

/// <summary>A row of <c>users_revenue</c>.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Revenue">Decimal digits.</param>
public sealed record UserBalance(string UserId, string Revenue);
