using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Applies and checks <c>db.sql</c>. The script is embedded; the same file also works with psql. Stateless, thread-safe.</summary>
public static class LedgerSchema
{
    /// <summary>Class of the SQLSTATEs that the script raises to refuse a database.</summary>
    private const string RefusalClass = "RV";

    /// <summary>The comment that the script's last statement sets on event_source.</summary>
    internal const string Version = "ledger schema 4";

    private const string CheckTag = "$check$";

    // The script's lock in shared mode: a check never sees half-created tables of another session.
    private const string Wait = "select pg_advisory_xact_lock_shared(5641763209170221)";

    // Runs before the check, because the check narrows the search_path of its transaction to the schema in use.
    private const string ReadState =
        """
        select coalesce(obj_description(to_regclass('event_source'), 'pg_class') = $1, false)
          and to_regclass('users_revenue') is not null and to_regclass('event_source_path') is not null,
          current_database()::text,
          coalesce((select n.nspname from pg_class c
            join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass('event_source')), current_schema(), '')::text,
          array(select n.nspname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relname = 'event_source' and n.nspname = any (current_schemas(false)) and c.oid <> to_regclass('event_source') order by 1),
          current_setting('synchronous_commit'), current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on'
        """;

    private const string Compare = $"select {LedgerContent.IsEmptied}, {LedgerContent.IsUnaccounted}";

    private static readonly string Check = ReadCheck();

    /// <summary>The script.</summary>
    public static string Script { get; } = ReadScript();

    /// <summary>Applies the schema under an advisory lock, and checks everything that the ledger relies on. Several processes may call it at once. It costs
    /// two reads if the schema is up to date.</summary>
    /// <param name="database">The database. The role needs the right to create tables, unless they exist.</param>
    /// <param name="cancellationToken">Cancels; the schema is then applied completely or not at all.</param>
    /// <returns>The ledger's location, and the server's settings for durability.</returns>
    /// <exception cref="LedgerException">The database is not UTF-8, or another version created the tables. Or tables are changed, missing, UNLOGGED, without
    /// a key, or in more than one schema. The message names the cause and a repair that keeps all data.</exception>
    /// <exception cref="NpgsqlException">The database failed; see <see cref="DatabaseErrors"/>.</exception>
    public static async Task<LedgerState> ApplyAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (await InspectAsync(connection, cancellationToken).ConfigureAwait(false) is { } current)
        {
            return current;
        }

        // The script contains begin and commit. After an error, closing the connection rolls the transaction back.
        await using (var apply = new NpgsqlCommand(Script, connection))
        {
            await RefusingAsync(() => apply.ExecuteNonQueryAsync(cancellationToken)).ConfigureAwait(false);
        }

        return await InspectAsync(connection, cancellationToken).ConfigureAwait(false)
            ?? throw new LedgerException("another session removed the tables of the ledger right after their creation: start again");
    }

    /// <summary>Runs the same checks as <see cref="ApplyAsync"/>, and changes nothing.</summary>
    /// <returns>The same, or null if the database has no ledger yet.</returns>
    /// <inheritdoc cref="ApplyAsync"/>
    public static async Task<LedgerState?> InspectAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await InspectAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<LedgerState?> InspectAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // The batch is one implicit transaction. The lock and the settings of the check end with it.
        await using var batch =
            new NpgsqlBatch(connection) { BatchCommands = { new(Wait), new(ReadState) { Parameters = { WriteBatch.Parameter(Version) } }, new(Check) } };
        var state = await RefusingAsync(() => ReadAsync(batch, cancellationToken)).ConfigureAwait(false);
        if (state is null)
        {
            return null;
        }

        await using var compare = new NpgsqlCommand(Compare, connection);
        await using var rows = await compare.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        return state with { IsEmptied = rows.GetBoolean(0), IsUnaccounted = rows.GetBoolean(1) };
    }

    private static async Task<LedgerState?> ReadAsync(NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await rows.NextResultAsync(cancellationToken).ConfigureAwait(false);
        await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
        var isCurrent = rows.GetBoolean(0);
        var state = new LedgerState(
            rows.GetString(1), rows.GetString(2), rows.GetFieldValue<string[]>(3), rows.GetString(4), rows.GetBoolean(5), rows.GetBoolean(6));

        // An error of the check is thrown here.
        while (await rows.NextResultAsync(cancellationToken).ConfigureAwait(false))
        {
        }

        return isCurrent ? state : null;
    }

    private static async Task<T> RefusingAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (PostgresException refusal) when (refusal.SqlState.StartsWith(RefusalClass, StringComparison.Ordinal))
        {
            throw new LedgerException(refusal.MessageText, refusal);
        }
    }

    /// <summary>Extracts the checking block from the script.</summary>
    private static string ReadCheck()
    {
        var script = ReadScript();
        return script[script.IndexOf($"do {CheckTag}", StringComparison.Ordinal)..(script.LastIndexOf(CheckTag, StringComparison.Ordinal) + CheckTag.Length)];
    }

    private static string ReadScript()
    {
        using var stream = typeof(LedgerSchema).Assembly.GetManifestResourceStream("db.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
