using System.Numerics;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A user whose balance is not the sum of the events.</summary>
/// <param name="UserId">UTF-8.</param>
/// <param name="Table">The balance in the table; null without a row.</param>
/// <param name="Events">The sum of the events; null if no event names the user.</param>
internal sealed record LedgerDifference(byte[] UserId, BigInteger? Table, BigInteger? Events);

/// <summary>A total of a source, or of a range that is merged in part, that differs from the sum of its bytes.</summary>
/// <param name="SourceId">The generation.</param>
/// <param name="Source">The source's name.</param>
/// <param name="Generation">1, or more for a file that was counted again.</param>
/// <param name="From">First byte that the total is of.</param>
/// <param name="Through">Exclusive end.</param>
/// <param name="Counter">lines, events, rejects or revenue.</param>
/// <param name="Table">The value in the ledger.</param>
/// <param name="Events">The value from the bytes.</param>
internal sealed record TotalDifference(
    Guid SourceId, string Source, int Generation, long From, long Through, string Counter, BigInteger Table, BigInteger Events);

/// <summary>How a source compares with the ledger.</summary>
internal enum SourceState
{
    /// <summary>All its bytes were aggregated, and its totals are right.</summary>
    Equal,

    /// <summary>A total of it is wrong.</summary>
    Differs,

    /// <summary>Some or all of its bytes could not be aggregated.</summary>
    NotChecked,
}

/// <summary>The result of verify for a log, or a content of files.</summary>
/// <param name="Name">The log's folder, or the path at which the content was last seen.</param>
/// <param name="Generations">How many times it was counted.</param>
/// <param name="Bytes">How much of it the ledger has.</param>
/// <param name="State">The result.</param>
/// <param name="IsRemoved">Retention has removed its beginning.</param>
/// <param name="Reasons">Why it is not checked, a line for people each.</param>
internal sealed record SourceReport(string Name, int Generations, long Bytes, SourceState State, bool IsRemoved, IReadOnlyList<string> Reasons);

/// <summary>The result of verify.</summary>
/// <param name="Users">Users with an event that could be read, or with a row.</param>
/// <param name="Sources">Logs and generations of files that have something in the ledger.</param>
/// <param name="Differences">Users that differ for certain: with unread bytes, users of an event without a row.</param>
/// <param name="Totals">Totals that differ.</param>
/// <param name="Reports">A report per log and per content of files.</param>
/// <param name="Unchecked">Users that could not be checked; null where all bytes were aggregated.</param>
/// <param name="Hints">Possible explanations of differences, a line for people each.</param>
/// <param name="History">How the history compares; null where none is kept.</param>
internal sealed record VerifyResult(
    long Users, int Sources, long Differences, IReadOnlyList<TotalDifference> Totals, IReadOnlyList<SourceReport> Reports, UncheckedUsers? Unchecked,
    IReadOnlyList<string> Hints, HistoryResult? History = null)
{
    /// <summary>Why sources are not checked, a line for people each.</summary>
    public IReadOnlyList<string> Unread => [.. Reports.SelectMany(report => report.Reasons.Select(reason => $"{report.Name}: {reason}"))];

    /// <summary>Everything that is to be checked was.</summary>
    public bool IsComplete => Reports.All(report => report.Reasons.Count == 0);

    /// <summary>The checked part has no difference.</summary>
    public bool IsEqual => Differences == 0 && Totals.Count == 0 && Unchecked is not { Contradicts: true } && History is not { Differences: > 0 };

    /// <summary>A difference is certain, whatever could not be checked; so it outranks the rest.</summary>
    public int ExitCode => !IsEqual ? ExitCodes.Differs : IsComplete ? ExitCodes.Done : ExitCodes.NotDone;
}
