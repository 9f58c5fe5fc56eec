using Npgsql;
using RevenueAspire.EventLog.Postgres.Reading;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Queries the logs of a database. Stateless.</summary>
public static class PostgresLogs
{
    /// <summary>Channel notified after commits. Listen to it, but also poll occasionally.</summary>
    public const string Channel = "revenue_event_log";

    /// <summary>Prefix of a source name that denotes a log in Postgres, before the log's id.</summary>
    private const string Scheme = "postgres:";

    /// <summary>Limits concurrent look-ups per process: each takes a connection and unpacks a batch, which may be large.</summary>
    private static readonly SemaphoreSlim LookUps = new(8);

    /// <summary>The source name of a log.</summary>
    public static string SourceName(Guid logId) => $"{Scheme}{logId:N}";

    /// <summary>Whether a source name denotes a log in Postgres.</summary>
    public static bool TryParseSourceName(string name, out Guid logId)
    {
        ArgumentNullException.ThrowIfNull(name);
        logId = default;
        return name.StartsWith(Scheme, StringComparison.Ordinal) && Guid.TryParseExact(name.AsSpan(Scheme.Length), "N", out logId);
    }

    /// <summary>All logs, oldest first.</summary>
    /// <exception cref="NpgsqlException">Any error of Postgres.</exception>
    public static async Task<IReadOnlyList<LogExtent>> ListAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await ListAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs a query over the logs of a database.</summary>
    /// <param name="database">The database.</param>
    /// <param name="name">Subject of the query, for error messages.</param>
    /// <param name="whenMissing">Result if the tables do not exist. At the first start, the query may run before the writer has created them.</param>
    /// <param name="query">Runs on a separate connection.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="IOException">The database cannot be queried now.</exception>
    internal static async Task<T> QueryAsync<T>(
        NpgsqlDataSource database, string name, T whenMissing, Func<NpgsqlConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            return await query(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return whenMissing;
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception))
        {
            DatabaseErrors.DropConnections(database, exception);
            throw new IOException($"{name}: {PostgresLogErrors.Describe(exception)}", exception);
        }
    }

    /// <inheritdoc cref="ListAsync(NpgsqlDataSource, CancellationToken)"/>
    internal static async Task<IReadOnlyList<LogExtent>> ListAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select log_id, first_offset, end_offset, is_closed from event_log order by created_at, log_id", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var logs = new List<LogExtent>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            logs.Add(new LogExtent(rows.GetGuid(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetBoolean(3)));
        }

        return logs;
    }

    /// <summary>Looks a receipt up, also if another process issued it.</summary>
    /// <exception cref="IOException">The database cannot be queried now.</exception>
    internal static async Task<ReceiptLookup> LookUpAsync(NpgsqlDataSource database, Receipt receipt, CancellationToken cancellationToken)
    {
        await LookUps.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var name = $"log {receipt.LogId:N} in Postgres";
            return await QueryAsync(database, name, ReceiptLookup.OtherLog, (connection, token) => FindAsync(connection, receipt, token), cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            LookUps.Release();
        }
    }

    private static async Task<ReceiptLookup> FindAsync(NpgsqlConnection connection, Receipt receipt, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select l.first_offset, l.end_offset, b.from_offset, b.to_offset, b.encoding, b.crc, b.bytes
            from event_log l
            left join lateral (
              select * from event_log_batch b where b.log_id = l.log_id and b.from_offset <= $2 and $2 < l.end_offset
              order by b.from_offset desc limit 1) b on true
            where l.log_id = $1
            """, connection).With(receipt.LogId, receipt.Offset);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            return ReceiptLookup.OtherLog;
        }

        if (receipt.Offset < rows.GetInt64(0))
        {
            return ReceiptLookup.Record;
        }

        if (receipt.Offset >= rows.GetInt64(1) || await rows.IsDBNullAsync(2, cancellationToken).ConfigureAwait(false))
        {
            return ReceiptLookup.NoRecord;
        }

        var batch = StoredBatch.Unpack(
            rows.GetInt64(2), rows.GetInt64(3), (BatchEncoding)rows.GetInt16(4), (uint)rows.GetInt64(5), rows.GetFieldValue<byte[]>(6));
        return receipt.Offset < batch.To && batch.IsRecord(receipt.Offset) ? ReceiptLookup.Record : ReceiptLookup.NoRecord;
    }

    internal static async Task<KeyMemory> ReadMemoryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select memory_id, keys_from, coalesce((select max(key_number) from event_log_key), 0) from event_log_memory", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await rows.ReadAsync(cancellationToken).ConfigureAwait(false)
            ? new KeyMemory(rows.GetGuid(0), rows.GetInt64(1), rows.GetInt64(2))
            : default;
    }
}
