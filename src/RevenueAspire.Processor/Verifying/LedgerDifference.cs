using System.Numerics;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A user whose balance is not the fold of the events.</summary>
/// <param name="UserId">UTF-8.</param>
/// <param name="Table">What the table has, or null when it has no row.</param>
/// <param name="Events">What the events say, or null when no event names the user.</param>
internal sealed record LedgerDifference(byte[] UserId, BigInteger? Table, BigInteger? Events);

/// <summary>A total of a source, or of a range that is merged in part, that is not what its bytes add up to.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="Generation">1, or more for a file that was counted again.</param>
/// <param name="From">First byte that the total is of.</param>
/// <param name="Through">Exclusive end.</param>
/// <param name="Counter">lines, events, rejects or revenue.</param>
/// <param name="Table">What the ledger has.</param>
/// <param name="Events">What the bytes say.</param>
internal sealed record TotalDifference(string Source, int Generation, long From, long Through, string Counter, BigInteger Table, BigInteger Events);

/// <summary>What verify found.</summary>
/// <param name="Users">Users with an event or a row; where a log's beginning is gone, with an event in what is retained.</param>
/// <param name="Sources">Logs and generations of files that have something in the ledger.</param>
/// <param name="Differences">Users that differ; where a log's beginning is gone, users of retained events without a row.</param>
/// <param name="Totals">Totals that differ.</param>
/// <param name="Unreadable">What cannot be read, a line for people each: what it held cannot be checked.</param>
/// <param name="Removed">Logs whose beginning retention has removed, a line for people each: then no balance can be computed again.</param>
/// <param name="Hints">What may explain differences, a line for people each.</param>
internal sealed record VerifyResult(long Users, int Sources, long Differences, IReadOnlyList<TotalDifference> Totals, IReadOnlyList<string> Unreadable, IReadOnlyList<string> Removed, IReadOnlyList<string> Hints)
{
    /// <summary>Everything that is to be checked was.</summary>
    public bool IsComplete => Unreadable.Count == 0 && Removed.Count == 0;

    /// <summary>Whatever was checked is right.</summary>
    public bool IsEqual => Differences == 0 && Totals.Count == 0;
}
