using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger;

/// <summary>Applies and checks <c>db.sql</c> (embedded; the same file works with psql).</summary>
public static class LedgerSchema
{
    /// <summary>Class of the SQLSTATEs with which the script refuses a database.</summary>
    private const string RefusalClass = "RV";

    /// <summary>The comment that the script's last statement sets on event_source.</summary>
    internal const string Version = "ledger schema 4";

    private const string CheckTag = "$check$";

    // The same lock as the script's, shared: a check never sees tables that another session is creating.
    private const string Wait = "select pg_advisory_xact_lock_shared(5641763209170221)";

    // Before the check, which narrows the search_path of its transaction to the schema in use.
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

    /// <summary>Applies the schema under an advisory lock, and checks all that the ledger relies on: safe to call from several processes at once, and cheap
    /// (two reads) when nothing is to do.</summary>
    /// <param name="database">The database, as a role that may create tables there, unless the tables exist.</param>
    /// <param name="cancellationToken">Cancels; the schema is then applied wholly or not at all.</param>
    /// <returns>The ledger's location, and the server's settings for durability.</returns>
    /// <exception cref="LedgerException">The database is not UTF-8. Or another version made its tables. Or they were changed, are missing in part, UNLOGGED,
    /// lack a key, or are in more than one schema. The message names the cause and the repair, which keeps all data.</exception>
    /// <exception cref="NpgsqlException">As Postgres gives it; see <see cref="DatabaseErrors"/>.</exception>
    public static async Task<LedgerState> ApplyAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (await InspectAsync(connection, cancellationToken).ConfigureAwait(false) is { } current)
        {
            return current;
        }

        // The script begins and commits its own transaction; closing the connection after an error rolls it back.
        await using (var apply = new NpgsqlCommand(Script, connection))
        {
            await RefusingAsync(() => apply.ExecuteNonQueryAsync(cancellationToken)).ConfigureAwait(false);
        }

        return await InspectAsync(connection, cancellationToken).ConfigureAwait(false)
            ?? throw new LedgerException("the tables of the ledger were removed while they were created: start again");
    }

    /// <summary>Checks the same, and changes nothing.</summary>
    /// <returns>Null where there is no ledger yet.</returns>
    /// <inheritdoc cref="ApplyAsync"/>
    public static async Task<LedgerState?> InspectAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await InspectAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<LedgerState?> InspectAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // One implicit transaction: it holds the lock, and its settings end with it.
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

        // The check's error, if any, comes here.
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

    /// <summary>The script's block that checks.</summary>
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
