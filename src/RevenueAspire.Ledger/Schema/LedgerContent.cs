namespace RevenueAspire.Ledger;

/// <summary>Conditions that detect lost balances or lost bookkeeping: SQL that reads one row of users_revenue, and a row per
/// source.</summary>
/// <remarks>
/// Each event that counts leaves a row of its user, also with a sum of 0, and no row is ever deleted. One statement reads all of it as of one moment. So an
/// empty users_revenue beside counted events was emptied from outside: by TRUNCATE, or by a crash of Postgres while it was UNLOGGED. A source whose lines were
/// all rejected has no events.
/// </remarks>
internal static class LedgerContent
{
    /// <summary>The message of a processor that finds this.</summary>
    public const string Emptied =
        "users_revenue is empty, though events were counted into it: it was truncated, or UNLOGGED when Postgres crashed. Restore all tables of the ledger "
            + "together from one backup and start again";

    /// <summary>The opposite of <see cref="Emptied"/>.</summary>
    public const string Unaccounted =
        "users_revenue has balances, but no source records events counted into them (event_source was emptied), so all events would be counted again. "
        + "Restore all tables of the ledger together from one backup, or put the balances aside with \"alter table users_revenue rename to "
            + "users_revenue_old\", and start again";

    // "limit 1": Citus would fetch every row of a distributed table. "select 1": it cannot pass on rows without a column.
    private const string HasBalances = "exists (select 1 from users_revenue limit 1)";

    private const string IsCounted =
        "(exists (select 1 from event_source where events_through > 0) or exists (select 1 from event_part where merged_through <> ''))";

    /// <summary>Events were counted, and no user has a balance.</summary>
    public const string IsEmptied = $"(not {HasBalances} and {IsCounted})";

    /// <summary>Users have balances, and nothing was counted.</summary>
    public const string IsUnaccounted = $"({HasBalances} and not {IsCounted})";
}
