using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.Processing;

/// <summary>The result of one path: a row of the final table.</summary>
/// <param name="Name">The path, as it was given.</param>
/// <param name="Result">For people: counted, already counted...</param>
/// <param name="Events">Events that were added to the ledger meanwhile, by any processor.</param>
/// <param name="Users">Users of the ranges that this process merged.</param>
/// <param name="UsersAreExact">False when a user may be counted twice in <see cref="Users"/>.</param>
/// <param name="Rejected">Lines that were rejected.</param>
/// <param name="Bytes">Bytes that were applied meanwhile.</param>
/// <param name="Elapsed">From the opening to the end.</param>
/// <param name="Notes">Further lines for people.</param>
/// <param name="HasUnfinishedLine">The last line has no newline and is no event yet.</param>
internal sealed record ProcessOutcome(
    string Name, string Result, long Events, long Users, bool UsersAreExact, long Rejected, long Bytes, TimeSpan Elapsed, IReadOnlyList<string> Notes,
    bool HasUnfinishedLine = false)
{
    /// <summary>3 when a line was rejected or left, regardless of which run counted the file, else 0.</summary>
    public int ExitCode => Rejected > 0 || HasUnfinishedLine ? ExitCodes.SomeRejected : ExitCodes.Done;
}
