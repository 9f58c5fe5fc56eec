namespace RevenueAspire.Ledger;

/// <summary>SQL conditions that detect lost balances or lost bookkeeping. They read one row of users_revenue, and at most one row per source and
/// part.</summary>
/// <remarks>
/// Each counted event creates a row for its user, even if the sum is 0, and the ledger never deletes that row. One statement reads both tables as of one
/// moment. So if events were counted but users_revenue is empty, then something else emptied it: TRUNCATE, or a crash of Postgres while the table was
/// UNLOGGED. Rejected lines do not count as events.
/// </remarks>
internal static class LedgerContent
{
    /// <summary>The error message for <see cref="IsEmptied"/>.</summary>
    public const string Emptied =
        "users_revenue is empty, although events were counted: it was truncated, or it was UNLOGGED when Postgres crashed. Restore all tables of the ledger "
            + "together from one backup and start again";

    /// <summary>The error message for <see cref="IsUnaccounted"/>.</summary>
    public const string Unaccounted =
        "users_revenue has balances, but no source records counted events (event_source was emptied), so all events would be counted again. "
        + "Restore all tables of the ledger together from one backup, or rename the table with \"alter table users_revenue rename to "
            + "users_revenue_old\", and start again";

    // Citus needs both forms: without "limit 1" it would fetch every row of a distributed table, and "select 1" because it cannot transfer rows without
    // columns.
    private const string HasBalances = "exists (select 1 from users_revenue limit 1)";

    private const string IsCounted =
        "(exists (select 1 from event_source where events_through > 0) or exists (select 1 from event_part where merged_through <> ''))";

    /// <summary>SQL condition: events were counted, but no user has a balance.</summary>
    public const string IsEmptied = $"(not {HasBalances} and {IsCounted})";

    /// <summary>SQL condition: users have balances, but no events were counted.</summary>
    public const string IsUnaccounted = $"({HasBalances} and not {IsCounted})";
}
