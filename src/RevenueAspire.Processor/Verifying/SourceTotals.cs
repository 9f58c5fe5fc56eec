using System.Numerics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Verifying;

/// <summary>What the ledger keeps of a source, or of a range, beside the balances: its own total and the numbers of rejected lines come from it.</summary>
/// <param name="Lines">Lines, blank ones included.</param>
/// <param name="Events">Valid events.</param>
/// <param name="Rejects">Rejected lines.</param>
/// <param name="Revenue">Sum of the events.</param>
internal readonly record struct SourceTotals(long Lines, long Events, long Rejects, BigInteger Revenue)
{
    /// <summary>Of bytes that were aggregated just now.</summary>
    public static SourceTotals Of(RangeAggregate aggregated) => new(aggregated.Lines, aggregated.Events, aggregated.RejectedLines, aggregated.Revenue);

    /// <summary>What the ledger has of a source.</summary>
    public static SourceTotals Of(LedgerSource source, BigInteger revenue) => new(source.LinesThrough, source.EventsThrough, source.RejectsThrough, revenue);

    /// <summary>What the ledger has of a frozen range.</summary>
    public static SourceTotals Of(FrozenRange range) => new(range.Lines, range.Events, range.Rejects, range.Revenue);

    /// <summary>Two stretches together.</summary>
    public static SourceTotals operator +(SourceTotals left, SourceTotals right) =>
        new(left.Lines + right.Lines, left.Events + right.Events, left.Rejects + right.Rejects, left.Revenue + right.Revenue);

    /// <summary>Names what is not the same.</summary>
    /// <param name="table">What the ledger has.</param>
    /// <param name="events">What the bytes add up to.</param>
    public static IEnumerable<(string Counter, BigInteger Table, BigInteger Events)> Compare(SourceTotals table, SourceTotals events) =>
        from pair in new (string Counter, BigInteger Table, BigInteger Events)[]
        {
            ("lines", table.Lines, events.Lines),
            ("events", table.Events, events.Events),
            ("rejects", table.Rejects, events.Rejects),
            ("revenue", table.Revenue, events.Revenue),
        }
        where pair.Table != pair.Events
        select pair;
}
