using System.Numerics;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Verifying;

/// <summary>The totals of a source or a range, which the ledger stores in addition to the balances. The ledger's total revenue and numbers of rejected lines
/// come from them.</summary>
/// <param name="Lines">Number of lines, including blank ones.</param>
/// <param name="Events">Number of valid events.</param>
/// <param name="Rejects">Number of rejected lines.</param>
/// <param name="Revenue">Sum of the events.</param>
internal readonly record struct SourceTotals(long Lines, long Events, long Rejects, BigInteger Revenue)
{
    /// <summary>The totals of newly aggregated bytes.</summary>
    public static SourceTotals Of(RangeAggregate aggregated) => new(aggregated.Lines, aggregated.Events, aggregated.RejectedLines, aggregated.Revenue);

    /// <summary>The ledger's totals of a source.</summary>
    public static SourceTotals Of(LedgerSource source, BigInteger revenue) => new(source.LinesThrough, source.EventsThrough, source.RejectsThrough, revenue);

    /// <summary>The ledger's totals of a frozen range.</summary>
    public static SourceTotals Of(FrozenRange range) => new(range.Lines, range.Events, range.Rejects, range.Revenue);

    /// <summary>Adds the totals of two stretches.</summary>
    public static SourceTotals operator +(SourceTotals left, SourceTotals right) =>
        new(left.Lines + right.Lines, left.Events + right.Events, left.Rejects + right.Rejects, left.Revenue + right.Revenue);

    /// <summary>Lists the totals that differ.</summary>
    /// <param name="table">The ledger's totals.</param>
    /// <param name="events">The totals of the bytes.</param>
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
