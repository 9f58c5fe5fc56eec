using Npgsql;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>A log as the database lists it.</summary>
/// <param name="LogId">Its id.</param>
/// <param name="FirstOffset">What was before, retention has removed.</param>
/// <param name="End">Its durable mark.</param>
/// <param name="IsClosed">Whether nothing is appended to it any more.</param>
public readonly record struct PostgresLogInfo(Guid LogId, long FirstOffset, long End, bool IsClosed);

/// <summary>Looks at the logs of a database. Stateless.</summary>
public static class PostgresLogs
{
    /// <summary>Notified after commits: <c>listen</c> to it, and look again now and then all the same.</summary>
    public const string Channel = "revenue_event_log";

    /// <summary>All logs, the oldest first.</summary>
    /// <exception cref="NpgsqlException">As Postgres gives it.</exception>
    public static async Task<List<PostgresLogInfo>> ListAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var command = database.CreateCommand("select log_id, first_offset, end_offset, is_closed from event_log order by created_at, log_id");
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var logs = new List<PostgresLogInfo>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            logs.Add(new PostgresLogInfo(rows.GetGuid(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetBoolean(3)));
        }

        return logs;
    }

    /// <summary>Which keys the database remembers.</summary>
    internal static async Task<KeyMemory> ReadMemoryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select memory_id, keys_from, coalesce((select max(key_number) from event_log_key), 0) from event_log_memory", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await rows.ReadAsync(cancellationToken).ConfigureAwait(false)
            ? new KeyMemory(rows.GetGuid(0), rows.GetInt64(1), rows.GetInt64(2))
            : default;
    }
}
