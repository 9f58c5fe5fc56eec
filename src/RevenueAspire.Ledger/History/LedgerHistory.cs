using System.Globalization;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Begins and ends the history of a ledger: the tables of <c>history.sql</c>, and the triggers that stop a processor without it. Stateless.</summary>
/// <remarks>
/// The database stores whether the ledger has a history, because a processor that does not write it would leave gaps. Each change of this state is one
/// transaction, and its locks wait for running merges. Methods throw <see cref="NpgsqlException"/> if the database fails; see <see cref="DatabaseErrors"/>. All
/// methods are safe to repeat.
/// </remarks>
public static class LedgerHistory
{
    /// <summary>Error message for a processor without a history on a ledger with one. The triggers raise the same text as RV009.</summary>
    public const string Refusal =
        "the ledger keeps a history, and this processor does not: set History:Enabled=true, or run 'history keep' or 'history drop'";

    private const int Version = 2;

    // Changes of the history run one at a time. The commit needs the quorum, because a failover could undo an unconfirmed change.
    private const string Begin = $"{WriteBatch.BoundLocks}, {Replication.ConfirmCommit}, pg_advisory_xact_lock(5641763209170224)";

    // Create the history in the schema of the ledger's tables, even if it is not the first schema of the search_path.
    private const string Locate =
        """
        select set_config('search_path', quote_ident(n.nspname), true)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass('event_source')
        """;

    // Locks the tables in the lock order of the writing statements. It waits for running statements; later statements wait for it and then find the triggers.
    private const string LockLedger = "lock table event_source, event_range, event_part, users_revenue in share row exclusive mode";

    private const string Read = "select version, history_id, started_at, kept_at, retained_from from history_state";

    private const string CountTriggers =
        "select count(*) from pg_trigger where tgname = 'history_guard' and tgrelid in ('event_source'::regclass, 'event_part'::regclass) and tgenabled = 'O'";

    private const string AddTypes =
        """
        insert into history_type (name, sign)
        select t.name, t.sign from unnest($1::text[], $2::integer[]) with ordinality as t (name, sign, place)
        where not exists (select from history_type h where h.name = t.name and h.sign = t.sign) order by t.place
        """;

    private const string ReadTypes =
        """
        select h.type_no from unnest($1::text[], $2::integer[]) with ordinality as t (name, sign, place) join history_type h using (name, sign) order by t.place
        """;

    // A killed processor keeps its lease until the lease expires, so it blocks "history keep" and "history drop" for at most one lease length.
    private const string FindLease =
        """
        select s.name, l.lease_until from (
          select source_id, lease_until from event_source union all select source_id, lease_until from event_range) as l
        join event_source s using (source_id) where l.lease_until > clock_timestamp() order by l.lease_until desc limit 1
        """;

    /// <summary>The script.</summary>
    public static string Script { get; } = ReadScript();

    /// <summary>Creates the history unless it exists, and returns its writer. Records events applied before as missing.</summary>
    /// <param name="database">The ledger's database, with the ledger's tables. The role needs the right to create tables, unless the history exists.</param>
    /// <param name="signs">Event names with their signs, in ordinal order, as in <c>EventTypes.Signs</c>.</param>
    /// <param name="cancellationToken">Cancels; the history is then created completely or not at all.</param>
    /// <exception cref="LedgerException"><c>history keep</c> has ended the history, it is of another version or lacks a trigger, or the ledger is distributed.
    /// The message names the repair.</exception>
    /// <exception cref="UnconfirmedCommitException">A failover may lose the history: call again.</exception>
    public static async Task<HistoryWriter> EnableAsync(
        NpgsqlDataSource database, IReadOnlyDictionary<string, int> signs, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(signs);
        string[] names = [.. signs.Keys];
        if (!names.SequenceEqual(names.Order(StringComparer.Ordinal)))
        {
            throw new ArgumentException("The names must come in ordinal order.", nameof(signs));
        }

        return await InTransactionAsync(
            database,
            async (connection, known) =>
            {
                var state = known ?? await CreateAsync(connection, cancellationToken).ConfigureAwait(false);
                if (state.KeptAt is { } keptAt)
                {
                    throw new LedgerException(
                        $"the history of the ledger ended at {keptAt.ToString("u", CultureInfo.InvariantCulture)} ('history keep'), and events applied since "
                        + "then are not in it: run 'history drop' to begin another one, or 'history build' to make it again from the logs and files");
                }

                if (await ScalarAsync<long>(connection, CountTriggers, cancellationToken).ConfigureAwait(false) != 2)
                {
                    throw new LedgerException(
                        "a trigger history_guard of the history was removed or disabled, so processors without it may have left gaps: run 'history drop' and "
                        + "start again");
                }

                int[] values = [.. signs.Values];
                await ExecuteAsync(connection, AddTypes, cancellationToken, names, values).ConfigureAwait(false);
                return new HistoryWriter(state.Id, await ReadTypesAsync(connection, names, values, cancellationToken).ConfigureAwait(false));
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads the state of the history. Returns null if there is none.</summary>
    /// <exception cref="LedgerException">The tables are of another version.</exception>
    public static async Task<HistoryState?> InspectAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await FindAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc cref="InspectAsync"/>
    internal static async Task<HistoryState?> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await ScalarAsync<bool>(connection, "select to_regclass('history_state') is not null", cancellationToken).ConfigureAwait(false)
            ? await ReadAsync(connection, cancellationToken).ConfigureAwait(false) : null;

    /// <summary>Ends the history. Its rows stay for SQL, and processors without a history may run. The triggers refuse a processor that still writes
    /// it.</summary>
    /// <returns>False if there is no history.</returns>
    /// <exception cref="LedgerException">A processor holds a lease, so it may be running.</exception>
    public static Task<bool> KeepAsync(NpgsqlDataSource database, CancellationToken cancellationToken) =>
        EndAsync(
            database,
            $"update history_state set kept_at = clock_timestamp() where kept_at is null; {DropTriggers} {Triggers("")}",
            cancellationToken);

    /// <summary>Removes the history with all its rows.</summary>
    /// <returns>False if there is no history.</returns>
    /// <exception cref="LedgerException">A processor holds a lease, so it may be running.</exception>
    public static Task<bool> DropAsync(NpgsqlDataSource database, CancellationToken cancellationToken) =>
        EndAsync(
            database,
            $"{DropTriggers} drop view user_event; drop table event_history, history_missing, history_type, history_source, history_partition, history_state; "
                + "drop sequence history_seq; drop function history_guard(), history_events(bytea, timestamptz);",
            cancellationToken);

    private const string DropTriggers =
        "drop trigger if exists history_guard on event_source; drop trigger if exists history_guard on event_part;";

    /// <summary>Returns SQL that creates the triggers. They check live ranges, which move both offsets. They ignore a close, which moves only applied_through
    /// and adds no sums: any processor may close.</summary>
    /// <param name="argument">See <c>history_guard</c>.</param>
    private static string Triggers(string argument) =>
        $"""
        create trigger history_guard before update on event_source for each row
          when (old.applied_through <> new.applied_through and old.claimed_through <> new.claimed_through) execute function history_guard('{argument}');
        create trigger history_guard before update on event_part for each row
          when (old.merged_through <> new.merged_through) execute function history_guard('{argument}');
        """;

    private static async Task<HistoryState> CreateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await ScalarAsync<bool>(connection, "select to_regclass('pg_dist_partition') is not null", cancellationToken).ConfigureAwait(false)
            && await ScalarAsync<bool>(
                connection,
                "select exists (select from pg_dist_partition where logicalrelid = 'users_revenue'::regclass)",
                cancellationToken).ConfigureAwait(false))
        {
            throw new LedgerException("users_revenue is distributed (Citus), and such a ledger cannot keep a history: set History:Enabled=false");
        }

        var id = Guid.NewGuid();
        await ExecuteAsync(connection, LockLedger, cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, $"{Script}\n{Triggers($"{id:D}")}", cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, $"insert into history_state (version, history_id) values ({Version}, $1)", cancellationToken, id).ConfigureAwait(false);
        await HistoryPartitions.BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private static Task<bool> EndAsync(NpgsqlDataSource database, string end, CancellationToken cancellationToken) =>
        InTransactionAsync(
            database,
            async (connection, state) =>
            {
                if (state is null)
                {
                    return false;
                }

                await ExecuteAsync(connection, LockLedger, cancellationToken).ConfigureAwait(false);
                if (state.IsEnabled)
                {
                    await RefuseWhileAtWorkAsync(connection, cancellationToken).ConfigureAwait(false);
                }

                await ExecuteAsync(connection, end, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    private static async Task RefuseWhileAtWorkAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var find = new NpgsqlCommand(FindLease, connection);
        await using var rows = await find.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw new LedgerException(
                $"a processor still processes {rows.GetString(0)}: stop all processors of this ledger first (the lease of one that was killed ends at "
                + $"{rows.GetDateTime(1).ToString("u", CultureInfo.InvariantCulture)})");
        }
    }

    private static async Task<HistoryState> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var read = new NpgsqlCommand(Read, connection);
        await using var rows = await read.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false) || rows.GetInt32(0) != Version)
        {
            throw new LedgerException("another version of this program created the tables of the history, or they were changed: use that version");
        }

        return new HistoryState(
            rows.GetGuid(1), rows.GetDateTime(2), rows.IsDBNull(3) ? null : rows.GetDateTime(3), rows.IsDBNull(4) ? null : rows.GetDateTime(4));
    }

    private static async Task<(int Number, int Sign)[]> ReadTypesAsync(
        NpgsqlConnection connection, string[] names, int[] signs, CancellationToken cancellationToken)
    {
        await using var read = new NpgsqlCommand(ReadTypes, connection).With(names, signs);
        await using var rows = await read.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var types = new List<(int, int)>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            types.Add((rows.GetInt32(0), signs[types.Count]));
        }

        return [.. types];
    }

    /// <summary>Runs the work in one transaction, in one session at a time. The work receives the state of the history, or null if there is none.</summary>
    internal static async Task<T> InTransactionAsync<T>(
        NpgsqlDataSource database, Func<NpgsqlConnection, HistoryState?, Task<T>> work, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        using var confirmation = new CommitConfirmation(connection);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, Begin, cancellationToken).ConfigureAwait(false);
        await using (var locate = new NpgsqlCommand(Locate, connection))
        {
            if (await locate.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is null)
            {
                throw new LedgerException("there is no ledger in this database: start a processor or the API once, or apply db.sql");
            }
        }

        var result = await work(connection, await FindAsync(connection, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        confirmation.Require();
        return result;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection).With(values);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private static string ReadScript()
    {
        using var stream = typeof(LedgerHistory).Assembly.GetManifestResourceStream("history.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
