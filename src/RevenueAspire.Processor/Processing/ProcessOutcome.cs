using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.Processing;

/// <summary>The result of one path: a row of the final table.</summary>
/// <param name="Name">The path as the user gave it.</param>
/// <param name="Result">Human-readable: counted, already counted, ...</param>
/// <param name="Events">Number of events that any processor added to the ledger during this run.</param>
/// <param name="Users">Number of users in the ranges that this process merged.</param>
/// <param name="UsersAreExact">False if a user may be counted twice in <see cref="Users"/>.</param>
/// <param name="Rejected">Number of rejected lines.</param>
/// <param name="Bytes">Number of bytes that any processor applied during this run.</param>
/// <param name="Elapsed">Duration of the run.</param>
/// <param name="Notes">Additional lines for the user.</param>
/// <param name="HasUnfinishedLine">Whether the last line has no newline and is not counted yet.</param>
internal sealed record ProcessOutcome(
    string Name, string Result, long Events, long Users, bool UsersAreExact, long Rejected, long Bytes, TimeSpan Elapsed, IReadOnlyList<string> Notes,
    bool HasUnfinishedLine = false)
{
    /// <summary>3 if a line was rejected or is not counted yet, regardless of which run counted the file; else 0.</summary>
    public int ExitCode => Rejected > 0 || HasUnfinishedLine ? ExitCodes.SomeRejected : ExitCodes.Done;
}
