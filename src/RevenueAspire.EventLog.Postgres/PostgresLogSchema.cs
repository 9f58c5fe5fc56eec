using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Applies and checks <c>eventlog.sql</c> (embedded; the same file works with psql).</summary>
public static class PostgresLogSchema
{
    /// <summary>Class of the SQLSTATEs with which the script refuses a database.</summary>
    private const string RefusalClass = "RV";

    /// <summary>What the script's last statement leaves as the comment of event_log.</summary>
    internal const string Version = "event log schema 2";

    private const string CheckTag = "$check$";

    private static readonly string Check = ReadCheck();

    /// <summary>The script.</summary>
    public static string Script { get; } = ReadScript();

    /// <summary>Applies the schema under an advisory lock, and checks what acknowledgements rely on: safe to call from several processes at once, and cheap
    /// (two reads) when nothing is to do.</summary>
    /// <param name="connection">Open, as a role that may create tables, unless the tables exist.</param>
    /// <param name="cancellationToken">Cancels; the schema is then applied wholly or not at all.</param>
    /// <exception cref="EventLogException">The database cannot hold a log: not UTF-8, tables that are missing in part, changed, UNLOGGED, without a key, or in
    /// more than one schema. The message names the cause and the repair, which keeps all data.</exception>
    /// <exception cref="NpgsqlException">As Postgres gives it.</exception>
    public static async Task ApplyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        await using var look = new NpgsqlCommand("select obj_description(to_regclass('event_log'), 'pg_class') = $1", connection).With(Version);
        var isCurrent = await look.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
        await using var apply = new NpgsqlCommand(isCurrent ? Check : Script, connection);
        try
        {
            await apply.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException refusal) when (refusal.SqlState.StartsWith(RefusalClass, StringComparison.Ordinal))
        {
            if (!isCurrent)
            {
                // The script opened a transaction, which the error has left behind.
                await using var rollback = new NpgsqlCommand("rollback", connection);
                await rollback.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
            }

            throw new EventLogException(refusal.MessageText, refusal);
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
        using var stream = typeof(PostgresLogSchema).Assembly.GetManifestResourceStream("eventlog.sql")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
