using System.Numerics;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.Verifying;

/// <summary>A user whose balance differs from the sum of the events.</summary>
/// <param name="UserId">UTF-8.</param>
/// <param name="Table">The balance in the table; null without a row.</param>
/// <param name="Events">The sum of the events; null if no event names the user.</param>
internal sealed record LedgerDifference(byte[] UserId, BigInteger? Table, BigInteger? Events);

/// <summary>A total of a source, or of a partly merged range, that differs from the total of its bytes.</summary>
/// <param name="SourceId">Id of the generation.</param>
/// <param name="Source">The source's name.</param>
/// <param name="Generation">1, or more for a file that was counted again.</param>
/// <param name="From">First byte that the total covers.</param>
/// <param name="Through">Exclusive end.</param>
/// <param name="Counter">lines, events, rejects or revenue.</param>
/// <param name="Table">The value in the ledger.</param>
/// <param name="Events">The value from the bytes.</param>
internal sealed record TotalDifference(
    Guid SourceId, string Source, int Generation, long From, long Through, string Counter, BigInteger Table, BigInteger Events);

/// <summary>How a source compares with the ledger.</summary>
internal enum SourceState
{
    /// <summary>All its bytes were aggregated, and its totals are correct.</summary>
    Equal,

    /// <summary>At least one of its totals is wrong.</summary>
    Differs,

    /// <summary>Some or all of its bytes could not be aggregated.</summary>
    NotChecked,
}

/// <summary>The result of verify for a log or a file content.</summary>
/// <param name="Name">The log's folder, or the path at which the content was last seen.</param>
/// <param name="Generations">How many times it was counted.</param>
/// <param name="Bytes">Number of its bytes that are fully or partly in the ledger.</param>
/// <param name="State">The result.</param>
/// <param name="IsRemoved">Whether retention has removed its beginning.</param>
/// <param name="Reasons">The reasons why it is not checked, one line each.</param>
internal sealed record SourceReport(string Name, int Generations, long Bytes, SourceState State, bool IsRemoved, IReadOnlyList<string> Reasons);

/// <summary>The result of verify.</summary>
/// <param name="Users">Number of users with a readable event or a row.</param>
/// <param name="Sources">Number of logs and file generations with applied bytes.</param>
/// <param name="Differences">Number of users that certainly differ. With unread bytes, these are users with an event but without a row.</param>
/// <param name="Totals">Totals that differ.</param>
/// <param name="Reports">One report per log and per file content.</param>
/// <param name="Unchecked">Users that could not be checked; null if all bytes were aggregated.</param>
/// <param name="Hints">Possible explanations of differences, one line each.</param>
/// <param name="History">The result for the history; null if the ledger keeps none.</param>
internal sealed record VerifyResult(
    long Users, int Sources, long Differences, IReadOnlyList<TotalDifference> Totals, IReadOnlyList<SourceReport> Reports, UncheckedUsers? Unchecked,
    IReadOnlyList<string> Hints, HistoryResult? History = null)
{
    /// <summary>The reasons why sources are not checked, one line each.</summary>
    public IReadOnlyList<string> Unread => [.. Reports.SelectMany(report => report.Reasons.Select(reason => $"{report.Name}: {reason}"))];

    /// <summary>Whether everything was checked.</summary>
    public bool IsComplete => Reports.All(report => report.Reasons.Count == 0);

    /// <summary>Whether the checked part has no difference.</summary>
    public bool IsEqual => Differences == 0 && Totals.Count == 0 && Unchecked is not { Contradicts: true } && History is not { Differences: > 0 };

    /// <summary>A difference is certain even if other parts could not be checked, so it takes precedence.</summary>
    public int ExitCode => !IsEqual ? ExitCodes.Differs : IsComplete ? ExitCodes.Done : ExitCodes.NotDone;
}
