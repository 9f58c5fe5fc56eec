using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>The server's settings and state for commits at one moment. Immutable.</summary>
/// <param name="ConfirmedCommit">synchronous_commit of a transaction that is acknowledged.</param>
/// <param name="DurableCommit">synchronous_commit of a transaction that must survive a crash.</param>
/// <param name="StandbyNames">synchronous_standby_names. Empty: commits wait for no standby.</param>
/// <param name="Standbys">Names of the connected standbys whose confirmation counts, sorted; null if the role lacks the privilege to see them.</param>
/// <param name="OldestWait">Age of the oldest statement whose commit waits for a standby; null if there is none among the sessions that the role may see. Every
/// role sees its own sessions.</param>
public sealed record ServerDurability(string ConfirmedCommit, string DurableCommit, string StandbyNames, IReadOnlyList<string>? Standbys, TimeSpan? OldestWait)
{
    // Without pg_read_all_stats, a role sees that a standby is connected, but no details.
    private const string Query =
        $"""
        select {Replication.ConfirmedCommit}, {Replication.DurableCommit}, current_setting('synchronous_standby_names'),
          array(select application_name from pg_stat_replication where sync_state in ('sync', 'quorum') order by application_name),
          exists (select from pg_stat_replication where sync_state is null),
          (select max(clock_timestamp() - query_start) from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database())
        """;

    /// <summary>The durability of a <see cref="Replication.ConfirmedCommit"/>, such as an append: <c>local</c>, <c>flush</c> or <c>apply</c>.</summary>
    public string Confirmed => Describe(ConfirmedCommit);

    /// <summary>The durability of a <see cref="Replication.DurableCommit"/>, such as a write of the ledger: <c>local</c>, <c>remote write</c>, <c>flush</c> or
    /// <c>apply</c>.</summary>
    public string Durable => Describe(DurableCommit);

    /// <summary>Queries the server. Waits for no standby.</summary>
    /// <exception cref="NpgsqlException">The query failed.</exception>
    public static async Task<ServerDurability> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var command = database.CreateCommand(Query);
        await using var row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await row.ReadAsync(cancellationToken).ConfigureAwait(false);
        return new ServerDurability(
            row.GetString(0), row.GetString(1), row.GetString(2),
            row.GetBoolean(4) ? null : row.GetFieldValue<string[]>(3),
            await row.IsDBNullAsync(5, cancellationToken).ConfigureAwait(false) ? null : row.GetTimeSpan(5));
    }

    private string Describe(string synchronousCommit) => StandbyNames.Length == 0 ? "local" : synchronousCommit switch
    {
        "on" => "flush",
        "remote_apply" => "apply",
        "remote_write" => "remote write",
        _ => "local",
    };
}
