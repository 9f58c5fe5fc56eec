using System.ComponentModel.DataAnnotations;

namespace RevenueAspire.Processor;

/// <summary>Settings of the history (section <c>History</c>), which lists the events of each balance.</summary>
public sealed class HistoryOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "History";

    /// <summary>True starts a history if the ledger keeps none. False refuses a ledger that keeps one. Null adapts to the ledger.</summary>
    public bool? Enabled { get; set; }

    /// <summary>Age at which events are removed from the history, at least 1 hour; null keeps all. Whole partitions are removed. A partition covers 1 day if
    /// this value is at most 60 days, else 30 days. Balances do not change.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00")]
    public TimeSpan? Retain { get; set; }
}
