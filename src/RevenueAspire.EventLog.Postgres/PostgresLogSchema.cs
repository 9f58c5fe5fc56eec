using Npgsql;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Applies <c>eventlog.sql</c> (embedded; the same file works with psql).</summary>
public static class PostgresLogSchema
{
    /// <summary>Class of the SQLSTATEs with which the script refuses a database.</summary>
    private const string RefusalClass = "RV";

    /// <summary>What the script's last statement leaves as the comment of event_log.</summary>
    internal const string Version = "event log schema 2";

    /// <summary>The script.</summary>
    public static string Script { get; } = ReadScript();

    /// <summary>Applies the schema under an advisory lock; safe to call from several processes at once, and cheap (one read) when nothing is to do.</summary>
    /// <param name="connection">Open, as a role that may create tables, unless the tables exist.</param>
    /// <param name="cancellationToken">Cancels; the schema is then applied wholly or not at all.</param>
    /// <exception cref="EventLogException">The database cannot hold a log; the message says what to do.</exception>
    /// <exception cref="NpgsqlException">As Postgres gives it.</exception>
    public static async Task ApplyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        await using (var check = new NpgsqlCommand("select obj_description(to_regclass('event_log'), 'pg_class') = $1", connection) { Parameters = { new() { Value = Version } } })
        {
            if (await check.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true)
            {
                return;
            }
        }

        await using var apply = new NpgsqlCommand(Script, connection);
        try
        {
            await apply.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException refusal) when (refusal.SqlState.StartsWith(RefusalClass, StringComparison.Ordinal))
        {
            // The script opened a transaction, which the error has left behind.
            await using var rollback = new NpgsqlCommand("rollback", connection);
            await rollback.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
            throw new EventLogException(refusal.MessageText, refusal);
        }
    }

    private static string ReadScript()
    {
        using var stream = typeof(PostgresLogSchema).Assembly.GetManifestResourceStream("eventlog.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
