using System.Numerics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Verifying;

/// <summary>What the ledger keeps of a source, or of a range, beside the balances: its own total and the numbers of rejected lines come from it.</summary>
/// <param name="Lines">Lines, blank ones included.</param>
/// <param name="Events">Valid events.</param>
/// <param name="Rejects">Rejected lines.</param>
/// <param name="Revenue">Sum of the events.</param>
internal readonly record struct FoldTotals(long Lines, long Events, long Rejects, BigInteger Revenue)
{
    /// <summary>Of bytes that were folded just now.</summary>
    public static FoldTotals Of(RangeAggregate folded) => new(folded.Lines, folded.Events, folded.RejectedLines, folded.Revenue);

    /// <summary>What the ledger has of a source.</summary>
    public static FoldTotals Of(EventSource source, BigInteger revenue) => new(source.LinesThrough, source.EventsThrough, source.RejectsThrough, revenue);

    /// <summary>What the ledger has of a frozen range.</summary>
    public static FoldTotals Of(FrozenRange range) => new(range.Lines, range.Events, range.Rejects, range.Revenue);

    /// <summary>Two stretches together.</summary>
    public static FoldTotals operator +(FoldTotals left, FoldTotals right) =>
        new(left.Lines + right.Lines, left.Events + right.Events, left.Rejects + right.Rejects, left.Revenue + right.Revenue);

    /// <summary>Names what is not the same.</summary>
    /// <param name="table">What the ledger has.</param>
    /// <param name="events">What the fold says.</param>
    public static IEnumerable<(string Counter, BigInteger Table, BigInteger Events)> Compare(FoldTotals table, FoldTotals events) =>
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
