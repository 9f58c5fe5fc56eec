using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Special cases for a ledger in which Citus distributes <c>users_revenue</c> over several servers. Stateless, thread-safe.</summary>
/// <remarks>
/// All other tables stay local tables of the coordinator. A merging statement commits in two phases: each worker prepares its sums, the coordinator commits the
/// watermark, and then each worker commits. Citus does so for <c>insert ... select</c> from outside of the table, even if one worker has all rows.
/// </remarks>
public static class DistributedLedger
{
    /// <summary>True in SQL where Citus manages <c>users_revenue</c>: it then has this trigger. Catalogs of Citus cannot be named, since a plain server has
    /// none.</summary>
    internal const string IsDistributed =
        """
        exists (select 1 from pg_trigger t join pg_proc p on p.oid = t.tgfoid
          where t.tgrelid = to_regclass('users_revenue') and p.proname = 'citus_truncate_trigger')
        """;

    /// <summary>Users a statement: each one costs a task per shard and a two-phase commit.</summary>
    internal const int DefaultBatchRows = 50_000;

    /// <summary>SQL before a merging statement. A crash of the coordinator must not undo a commit that workers have, so the commit is synchronous. In
    /// sequence, a transaction has one connection per worker, and takes the shards' rows in one order.</summary>
    internal const string Begin =
        $"{WriteBatch.BoundLocks}, {WriteBatch.CommitSynchronously}, set_config('citus.multi_shard_modify_mode', 'sequential', true)";

    // The gids of prepared transactions, on the worker of a user: with one shard, the worker runs all of it, and gives one row also without the user.
    private const string PreparedOfUser =
        "select count(*), (select string_agg(p.gid, ',') from pg_prepared_xact() p where p.gid like 'citus%') from users_revenue where user_id = $1";

    private const string PreparedOfAll =
        """
        select coalesce(bool_and(success), true), string_agg(nullif(result, ''), ',') from (
          select success, result from run_command_on_workers($$select string_agg(gid, ',') from pg_prepared_xacts where gid like 'citus%'$$)
          union all select true, string_agg(gid, ',') from pg_prepared_xacts where gid like 'citus%') as nodes
        """;

    // A transaction has its row here from its commit on the coordinator until its second phase is over, or longer.
    private const string Committed = "select array(select gid from pg_dist_transaction where gid = any ($1))";

    private const string Positions =
        $"""
        select case when {IsDistributed} then md5(concat(
          (select string_agg(concat_ws(' ', source_id, applied_through), ',' order by source_id) from event_source), '/',
          (select string_agg(concat_ws(' ', range_id, part_index, merged_through), ',' order by range_id, part_index) from event_part))) end
        """;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(100);

    /// <summary>A hash of all watermarks that move together with sums; null where the ledger is not distributed.</summary>
    internal static async Task<string?> FindPositionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Positions, connection);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) as string;
    }

    /// <summary>Whether the ledger is distributed.</summary>
    internal static async Task<bool> IsDistributedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select {IsDistributed}", connection);
        await command.PrepareNamedAsync(cancellationToken).ConfigureAwait(false);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Waits until the workers show the sums of each transaction whose watermark was visible before the call.</summary>
    /// <remarks>Usually a millisecond. After a crash in the middle of a commit, the maintenance daemon of Citus ends it (<c>citus.recover_2pc_interval</c>,
    /// 60 s).</remarks>
    /// <param name="connection">To the coordinator.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="NpgsqlException">A worker cannot be asked.</exception>
    public static Task SettleAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        SettleAsync(connection, () => ReadPreparedAsync(connection, cancellationToken), cancellationToken);

    /// <summary>The same for the sums of one user. It asks one worker, on a connection that Citus keeps.</summary>
    /// <inheritdoc cref="SettleAsync(NpgsqlConnection, CancellationToken)"/>
    /// <param name="connection">To the coordinator.</param>
    /// <param name="userId">Without U+0000.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static Task SettleAsync(NpgsqlConnection connection, string userId, CancellationToken cancellationToken) =>
        SettleAsync(connection, () => ReadPreparedAsync(connection, userId, cancellationToken), cancellationToken);

    private static async Task SettleAsync(NpgsqlConnection connection, Func<Task<string[]>> readPrepared, CancellationToken cancellationToken)
    {
        // Read the prepared transactions first, then the committed ones: a transaction visible before is in both, unless it has ended.
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
        return rows.GetBoolean(0) ? Split(rows, 1) : throw new NpgsqlException("a worker of the distributed ledger cannot be asked");
    }

    private static string[] Split(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? [] : row.GetString(column).Split(',');
}
