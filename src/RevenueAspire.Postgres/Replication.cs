namespace RevenueAspire.Postgres;

/// <summary>SQL and names for commits that must be on more than one machine (rules R1, R2 and R4). Stateless.</summary>
public static class Replication
{
    /// <summary>Routine of Postgres that waits for synchronous standbys. A cancelled wait ends in success with a warning that names it, in every
    /// language.</summary>
    public const string WaitRoutine = "SyncRepWaitForLSN";

    /// <summary>SQL: synchronous_commit of a transaction that is acknowledged. At least <c>on</c>, which is a flush by the quorum; a stricter setting
    /// (remote_apply) stays.</summary>
    public const string ConfirmedCommit = "case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end";

    /// <summary>SQL: synchronous_commit of a transaction that a crash must not take back. Any setting but <c>off</c> stays.</summary>
    public const string DurableCommit = "case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end";

    /// <summary>SQL: makes the commit of this transaction a <see cref="ConfirmedCommit"/>. Behind a pooler, settings of the session may be those of another
    /// client.</summary>
    public const string ConfirmCommit = $"set_config('synchronous_commit', {ConfirmedCommit}, true)";

    /// <summary>SQL: a transactional message in the write-ahead log, which is a commit that changes no table. Standbys receive the log in order, so it covers
    /// all commits before it.</summary>
    public const string Barrier = $"select {ConfirmCommit}, pg_logical_emit_message(true, 'revenueaspire', '')";
}
