using System.ComponentModel.DataAnnotations;

namespace RevenueAspire.Processor;

/// <summary>Settings of the history (section <c>History</c>): which events make up each balance.</summary>
public sealed class HistoryOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "History";

    /// <summary>True begins a history where the ledger keeps none. False refuses a ledger that keeps one. Null does as the ledger does.</summary>
    public bool? Enabled { get; set; }

    /// <summary>Age at which the history of events is removed, 1 hour at least; null keeps all. Whole partitions are removed: one per day for up to 60 days,
    /// else one per 30 days. Balances do not change.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00")]
    public TimeSpan? Retain { get; set; }
}
