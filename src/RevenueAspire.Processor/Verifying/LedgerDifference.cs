using System.Numerics;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A user whose balance is not the fold of the events.</summary>
/// <param name="UserId">UTF-8.</param>
/// <param name="Table">What the table has, or null when it has no row.</param>
/// <param name="Events">What the events say, or null when no event names the user.</param>
internal sealed record LedgerDifference(byte[] UserId, BigInteger? Table, BigInteger? Events);

/// <summary>What verify found.</summary>
/// <param name="Users">Users with an event or a row.</param>
/// <param name="Sources">Logs and generations of files that have something in the ledger.</param>
/// <param name="Differences">Users that differ.</param>
/// <param name="Unreadable">Stretches of logs that cannot be read, a line for people each: what they held cannot be checked.</param>
internal readonly record struct VerifyResult(long Users, int Sources, long Differences, IReadOnlyList<string> Unreadable);
