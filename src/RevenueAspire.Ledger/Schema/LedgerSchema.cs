using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Applies <c>db.sql</c> (embedded; the same file works with psql).</summary>
public static class LedgerSchema
{
    /// <summary>Class of the SQLSTATEs with which the script refuses a database.</summary>
    private const string RefusalClass = "RV";

    /// <summary>What the script's last statement leaves as the comment of event_source.</summary>
    internal const string Version = "ledger schema 4";

    // Names, types and collation of both columns, so that a table that somebody replaced meanwhile is sent through the script, which refuses it.
    private const string IsCurrent =
        """
        select current_setting('server_encoding') = 'UTF8'
          and obj_description(to_regclass('event_source'), 'pg_class') = $1
          and to_regclass('event_source_path') is not null
          and (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(' ' || c.collname, ''), ', ' order by a.attnum)
               from pg_attribute a left join pg_collation c on c.oid = a.attcollation
               where a.attrelid = to_regclass('users_revenue') and a.attnum > 0 and not a.attisdropped) = 'user_id text C, revenue numeric'
        """;

    /// <summary>The script.</summary>
    public static string Script { get; } = ReadScript();

    /// <summary>Applies the schema under an advisory lock; safe to call from several processes at once, and cheap (one read) when nothing is to do.</summary>
    /// <param name="database">The database, as a role that may create tables there, unless the tables exist.</param>
    /// <param name="cancellationToken">Cancels; the schema is then applied wholly or not at all.</param>
    /// <exception cref="LedgerException">The database is not UTF-8, the tables were made by another version of the program, users_revenue exists with other columns, or a table
    /// is missing where events were counted; the message says what to do.</exception>
    /// <exception cref="NpgsqlException">As Postgres gives it; see <see cref="LedgerErrors"/>.</exception>
    public static async Task ApplyAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (var check = new NpgsqlCommand(IsCurrent, connection) { Parameters = { new() { Value = Version } } })
        {
            if (await check.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true)
            {
                return;
            }
        }

        // The script begins and commits its own transaction; closing the connection after an error rolls it back.
        await using var apply = new NpgsqlCommand(Script, connection);
        try
        {
            await apply.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException refusal) when (refusal.SqlState.StartsWith(RefusalClass, StringComparison.Ordinal))
        {
            throw new LedgerException(refusal.MessageText, refusal);
        }
    }

    private static string ReadScript()
    {
        using var stream = typeof(LedgerSchema).Assembly.GetManifestResourceStream("db.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
