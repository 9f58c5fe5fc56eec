using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Applies and checks <c>eventlog.sql</c>, which is embedded and also works with psql.</summary>
public static class PostgresLogSchema
{
    /// <summary>Class of the SQLSTATEs that the script raises to refuse a database.</summary>
    private const string RefusalClass = "RV";

    /// <summary>Comment of event_log, set by the script's last statement.</summary>
    internal const string Version = "event log schema 2";

    private const string CheckTag = "$check$";

    private static readonly string Check = ReadCheck();

    /// <summary>The script.</summary>
    public static string Script { get; } = ReadScript();

    /// <summary>Applies the schema under an advisory lock, and checks the properties on which acknowledgements rely. Several processes may call it at once. It
    /// costs two reads if the schema is up to date.</summary>
    /// <param name="connection">An open connection. The role needs the right to create tables, unless they exist.</param>
    /// <param name="cancellationToken">Cancels; the schema is then applied completely or not at all.</param>
    /// <exception cref="EventLogException">The database cannot hold a log. It is not UTF-8, or its tables are incomplete, changed, UNLOGGED, without a key, or
    /// in more than one schema. The message names the cause and a repair that keeps all data.</exception>
    /// <exception cref="NpgsqlException">Any other error of Postgres.</exception>
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
                // The script opened a transaction, which is still open after the error.
                await using var rollback = new NpgsqlCommand("rollback", connection);
                await rollback.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
            }

            throw new EventLogException(refusal.MessageText, refusal);
        }
    }

    /// <summary>Extracts the script's checking block.</summary>
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
