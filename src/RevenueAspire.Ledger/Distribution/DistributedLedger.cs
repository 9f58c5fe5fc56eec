using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>What differs where Citus distributes <c>users_revenue</c> over several servers. Stateless, thread-safe.</summary>
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

    /// <summary>SQL before a merging statement. A crash of the coordinator must not take back a commit that workers have: hence the synchronous commit. In
    /// sequence, a transaction has one connection per worker, and takes the shards' rows in one order.</summary>
    internal const string Begin =
        $"{WriteBatch.BoundLocks}, {WriteBatch.CommitSynchronously}, set_config('citus.multi_shard_modify_mode', 'sequential', true)";

    // One statement, one snapshot: a transaction whose watermark it sees has its row in pg_dist_transaction here. While the second phase of that transaction has
    // not reached a worker, the worker lists it as prepared. The list is read after the snapshot was taken.
    private const string Unsettled =
        """
        with nodes as materialized (
          select success, result from run_command_on_workers(
            $$select coalesce(string_agg(gid, ','), '') from pg_prepared_xacts where database = current_database() and gid like 'citus\_%'$$)
        ), prepared as materialized (
          select string_to_table(result, ',') as gid from nodes where success
          union select gid from pg_prepared_xacts where database = current_database() and gid like 'citus\_%'
        )
        select (select coalesce(bool_and(success), true) from nodes),
          array(select p.gid from prepared p where p.gid = any ($1) or ($1 is null and exists (select 1 from pg_dist_transaction d where d.gid = p.gid)))
        """;

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

    /// <summary>Waits until the workers show the sums of each transaction that was visible to this session before the call. Only then do reads of
    /// <c>users_revenue</c> include all watermarks that were read before.</summary>
    /// <remarks>Usually a millisecond. After a crash in the middle of a commit, the maintenance daemon of Citus ends it (<c>citus.recover_2pc_interval</c>,
    /// 60 s).</remarks>
    /// <param name="connection">To the coordinator.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="NpgsqlException">A worker cannot be asked.</exception>
    public static async Task SettleAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        string[]? open = null;
        for (var pause = Pause; ; pause = pause < LongestPause ? 2 * pause : LongestPause)
        {
            await using (var command = new NpgsqlCommand(Unsettled, connection)
            {
                Parameters = { new() { Value = (object?)open ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text } },
            })
            {
                await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (!rows.GetBoolean(0))
                {
                    throw new NpgsqlException("a worker of the distributed ledger cannot be asked");
                }

                open = rows.GetFieldValue<string[]>(1);
            }

            if (open.Length == 0)
            {
                return;
            }

            await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
        }
    }
}
