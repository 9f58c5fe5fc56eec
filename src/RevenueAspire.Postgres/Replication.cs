namespace RevenueAspire.Postgres;

/// <summary>SQL and names for commits that must be on more than one machine (rules R1, R2 and R4). Stateless.</summary>
public static class Replication
{
    /// <summary>The Postgres routine that waits for synchronous standbys. If the wait is cancelled, the commit succeeds with a warning. The warning names this
    /// routine in every language.</summary>
    public const string WaitRoutine = "SyncRepWaitForLSN";

    /// <summary>SQL: synchronous_commit of a transaction that is acknowledged. At least <c>on</c>, which waits for a flush by the quorum; a stricter setting
    /// (remote_apply) is kept.</summary>
    public const string ConfirmedCommit = "case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end";

    /// <summary>SQL: synchronous_commit of a transaction that must survive a crash. Any setting except <c>off</c> is kept.</summary>
    public const string DurableCommit = "case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end";

    /// <summary>SQL: makes the commit of this transaction a <see cref="ConfirmedCommit"/>. Set per transaction, because with a pooler the session's settings
    /// may be another client's.</summary>
    public const string ConfirmCommit = $"set_config('synchronous_commit', {ConfirmedCommit}, true)";

    /// <summary>SQL: a transactional message in the write-ahead log, which is a commit that changes no table. Standbys receive the log in order, so its
    /// confirmation covers all earlier commits.</summary>
    public const string Barrier = $"select {ConfirmCommit}, pg_logical_emit_message(true, 'revenueaspire', '')";
}
