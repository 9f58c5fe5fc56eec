using System.Globalization;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Distributes <c>users_revenue</c> with Citus. Stateless, thread-safe.</summary>
/// <param name="Shards">Number of shards of the table.</param>
/// <param name="Workers">Number of servers that may hold shards.</param>
/// <param name="IsNew">False if the table was already distributed.</param>
public sealed record LedgerDistribution(int Shards, int Workers, bool IsNew)
{
    /// <summary>Default number of shards per worker. Each merging statement costs one task per shard.</summary>
    private const int ShardsPerWorker = 2;

    private const string HasCitus = "select exists (select 1 from pg_extension where extname = 'citus'), current_database()::text";

    private const string Cluster =
        """
        select (select groupid from pg_dist_local_group),
          (select count(*)::integer from pg_dist_node where isactive and noderole = 'primary' and shouldhaveshards and groupid <> 0)
        """;

    private const string Tables =
        """
        select p.logicalrelid::text, p.partmethod::text, coalesce(column_to_column_name(p.logicalrelid, p.partkey), ''),
          (select count(*)::integer from pg_dist_shard s where s.logicalrelid = p.logicalrelid)
        from pg_dist_partition p
        where p.logicalrelid = any (array(select to_regclass(t) from unnest($1) as t))
        order by 1
        """;

    private static readonly string[] LocalTables =
        ["event_part", "event_range", "event_source", "event_source_digest", "event_source_path", "rejected_event"];

    // While this lock is held, no merge runs or begins. All writes take their locks in this order.
    private const string Lock = $"{WriteBatch.BoundLocks}; lock table event_source, event_range in share mode";

    private const string Processors =
        """
        select count(distinct l.lease_owner)
        from (select lease_owner, lease_until from event_source union all select lease_owner, lease_until from event_range) as l
        where l.lease_until > clock_timestamp()
        """;

    private const string HasHistory = "select to_regclass('history_state') is not null";

    private const string Distribute = "select create_distributed_table('users_revenue', 'user_id', shard_count := $1, colocate_with := 'none')";

    // After the copy to the workers, the coordinator still has the old rows, invisible and out of date.
    private const string RemoveCopy = "select truncate_local_data_after_distributing_table('users_revenue')";

    /// <summary>Distributes the table by user, in one transaction. It does not change a distributed table, so the call is safe to repeat.</summary>
    /// <param name="database">The coordinator, with the tables of the ledger.</param>
    /// <param name="shards">Null for two per worker.</param>
    /// <param name="cancellationToken">Cancels; the table is then either distributed completely or unchanged.</param>
    /// <exception cref="LedgerException">The server is not a coordinator with workers, processors are running, the ledger keeps a history, or tables are
    /// distributed differently.</exception>
    /// <exception cref="NpgsqlException">The database failed; see <see cref="DatabaseErrors"/>.</exception>
    public static async Task<LedgerDistribution> DistributeAsync(NpgsqlDataSource database, int? shards, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var workers = await CheckClusterAsync(connection, cancellationToken).ConfigureAwait(false);
        var known = await FindShardsAsync(connection, cancellationToken).ConfigureAwait(false);
        if (known is null)
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await ScalarAsync(connection, Lock, cancellationToken).ConfigureAwait(false);
            if (await ScalarAsync(connection, HasHistory, cancellationToken).ConfigureAwait(false) is true)
            {
                throw new LedgerException("the ledger keeps a history, which a distributed ledger does not support: run 'history drop' first");
            }

            if (await ScalarAsync(connection, Processors, cancellationToken).ConfigureAwait(false) is long and > 0 and var count)
            {
                throw new LedgerException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{count} processors hold leases: stop them, wait until their leases end (Processor:LeaseSeconds), and run this again"));
            }

            await ScalarAsync(connection, Distribute, cancellationToken, shards ?? ShardsPerWorker * workers).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        await ScalarAsync(connection, RemoveCopy, cancellationToken).ConfigureAwait(false);
        var now = await FindShardsAsync(connection, cancellationToken).ConfigureAwait(false)
            ?? throw new LedgerException("users_revenue is not distributed: another session changed it in the meantime");
        return now == (shards ?? now) ? new LedgerDistribution(now, workers, known is null) : throw new LedgerException(string.Create(
            CultureInfo.InvariantCulture,
            $"users_revenue already has {now} shards: stop the processors and run "
            + $"\"select alter_distributed_table('users_revenue', shard_count := {shards})\""));
    }

    private static async Task<int> CheckClusterAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var (hasCitus, name) = await RowAsync(connection, HasCitus, row => (row.GetBoolean(0), row.GetString(1)), cancellationToken).ConfigureAwait(false);
        if (!hasCitus)
        {
            throw new LedgerException(
                $"the database \"{name}\" lacks the extension citus: on each server, install Citus, set shared_preload_libraries = 'citus', restart, and run "
                + "\"create extension citus\" in this database");
        }

        var (group, workers) = await RowAsync(connection, Cluster, row => (row.GetInt32(0), row.GetInt32(1)), cancellationToken).ConfigureAwait(false);
        return group != 0
            ? throw new LedgerException("this server is a worker: set ConnectionStrings:revenuedb to the coordinator")
            : workers == 0
                ? throw new LedgerException(
                    "the coordinator has no workers: run \"select citus_set_coordinator_host('HOST', PORT)\" and, per worker, "
                    + "\"select citus_add_node('HOST', PORT)\"")
                : workers;
    }

    /// <summary>Returns the number of shards of users_revenue, or null if it is a local table.</summary>
    private static async Task<int?> FindShardsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Tables, connection) { Parameters = { WriteBatch.Parameter<string[]>([.. LocalTables, "users_revenue"]) } };
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        int? shards = null;
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var (table, method, column) = (rows.GetString(0), rows.GetString(1), rows.GetString(2));
            if (Array.Exists(LocalTables, local => table == local || table.EndsWith('.' + local)))
            {
                throw new LedgerException(
                    $"Citus manages {table}, which must be a local table of the coordinator: run \"select undistribute_table('{table}')\"");
            }

            shards = method == "h" && column == "user_id" ? rows.GetInt32(3) : throw new LedgerException(
                $"Citus manages {table}, but it is not distributed by user_id: stop the processors, run \"select undistribute_table('{table}')\", and run "
                + "this again");
        }

        return shards;
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        // No time-out: the distribution copies all users.
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        return await command.With(values).ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<T> RowAsync<T>(NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        return read(rows);
    }
}
