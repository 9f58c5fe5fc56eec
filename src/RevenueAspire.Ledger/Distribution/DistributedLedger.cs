using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Supports a ledger in which Citus distributes <c>users_revenue</c> over several servers. Stateless, thread-safe.</summary>
/// <remarks>
/// All other tables stay local to the coordinator. A merging statement commits in two phases: each worker prepares its sums, the coordinator commits the
/// watermark, and then each worker commits. Citus uses two phases for <c>insert ... select</c> from another source, even if one worker has all rows.
/// </remarks>
public static class DistributedLedger
{
    /// <summary>SQL condition: Citus manages <c>users_revenue</c>. It looks for a trigger of Citus, because a plain server lacks the catalogs of
    /// Citus.</summary>
    internal const string IsDistributed =
        """
        exists (select 1 from pg_trigger t join pg_proc p on p.oid = t.tgfoid
          where t.tgrelid = to_regclass('users_revenue') and p.proname = 'citus_truncate_trigger')
        """;

    /// <summary>Users per statement. Each statement costs one task per shard and a two-phase commit.</summary>
    internal const int DefaultBatchRows = 50_000;

    /// <summary>SQL before a merging statement. The commit is synchronous, because a crash of the coordinator must not undo a commit that workers have.
    /// In sequential mode, a transaction uses one connection per worker, and all transactions lock the shards' rows in the same order.</summary>
    internal const string Begin =
        $"{WriteBatch.BoundLocks}, {WriteBatch.CommitSynchronously}, set_config('citus.multi_shard_modify_mode', 'sequential', true)";

    // Reads the gids of prepared transactions on a user's worker. The query touches one shard, so Citus runs all of it on that worker. The aggregates
    // return one row even if the user has none.
    private const string PreparedOfUser =
        "select count(*), (select string_agg(p.gid, ',') from pg_prepared_xact() p where p.gid like 'citus%') from users_revenue where user_id = $1";

    private const string PreparedOfAll =
        """
        select coalesce(bool_and(success), true), string_agg(nullif(result, ''), ',') from (
          select success, result from run_command_on_workers($$select string_agg(gid, ',') from pg_prepared_xacts where gid like 'citus%'$$)
          union all select true, string_agg(gid, ',') from pg_prepared_xacts where gid like 'citus%') as nodes
        """;

    // pg_dist_transaction contains a transaction from its commit on the coordinator until at least the end of its second phase.
    private const string Committed = "select array(select gid from pg_dist_transaction where gid = any ($1))";

    private const string Positions =
        $"""
        select case when {IsDistributed} then md5(concat(
          (select string_agg(concat_ws(' ', source_id, applied_through), ',' order by source_id) from event_source), '/',
          (select string_agg(concat_ws(' ', range_id, part_index, merged_through), ',' order by range_id, part_index) from event_part))) end
        """;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Returns a hash of all watermarks that move together with sums, or null if the ledger is not distributed.</summary>
    internal static async Task<string?> FindPositionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Positions, connection);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) as string;
    }

    internal static async Task<bool> IsDistributedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select {IsDistributed}", connection);
        await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Waits until the workers show the sums of each transaction whose watermark was visible before the call.</summary>
    /// <remarks>The wait usually takes a millisecond. After a crash in the middle of a commit, the maintenance daemon of Citus finishes the commit
    /// (<c>citus.recover_2pc_interval</c>, 60 s).</remarks>
    /// <param name="connection">To the coordinator.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="NpgsqlException">A worker is unavailable.</exception>
    public static Task SettleAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        SettleAsync(connection, () => ReadPreparedAsync(connection, cancellationToken), cancellationToken);

    /// <summary>Waits only for the sums of one user. It queries one worker, on a connection that Citus caches.</summary>
    /// <inheritdoc cref="SettleAsync(NpgsqlConnection, CancellationToken)"/>
    /// <param name="connection">To the coordinator.</param>
    /// <param name="userId">Without U+0000.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static Task SettleAsync(NpgsqlConnection connection, string userId, CancellationToken cancellationToken) =>
        SettleAsync(connection, () => ReadPreparedAsync(connection, userId, cancellationToken), cancellationToken);

    private static async Task SettleAsync(NpgsqlConnection connection, Func<Task<string[]>> readPrepared, CancellationToken cancellationToken)
    {
        // Read the prepared transactions first, and the committed ones second. A transaction whose watermark was visible before is in both lists, unless
        // its second phase is over.
        var open = await readPrepared().ConfigureAwait(false);
        if (open.Length > 0)
        {
            await using var command = new NpgsqlCommand(Committed, connection) { Parameters = { WriteBatch.Parameter(open) } };
            open = (string[])(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        }

        for (var pause = Pause; open.Length > 0; pause = pause < LongestPause ? 2 * pause : LongestPause)
        {
            await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
            open = [.. open.Intersect(await readPrepared().ConfigureAwait(false))];
        }
    }

    private static async Task<string[]> ReadPreparedAsync(NpgsqlConnection connection, string userId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(PreparedOfUser, connection) { Parameters = { WriteBatch.Parameter(userId) } };
        await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        return Split(rows, 1);
    }

    private static async Task<string[]> ReadPreparedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(PreparedOfAll, connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        return rows.GetBoolean(0) ? Split(rows, 1) : throw new NpgsqlException("a worker of the distributed ledger is unavailable");
    }

    private static string[] Split(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? [] : row.GetString(column).Split(',');
}
