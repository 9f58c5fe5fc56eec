using Npgsql;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres;

/// <summary>Configures replication, and promotes a standby.</summary>
public static class LocalPostgresReplication
{
    private static readonly TimeSpan ReplayLimit = TimeSpan.FromSeconds(60);

    /// <summary>Creates the role that standbys connect as, or sets its password to this server's. Required on a primary before its first standby starts. Waits
    /// for no standby.</summary>
    /// <exception cref="NpgsqlException">The server is a standby, or does not answer.</exception>
    /// <exception cref="LocalPostgresException">The server's programs do not include pg_basebackup (as in the npm packages), so no standby can be
    /// created.</exception>
    public static async Task EnsureReplicationRoleAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        StandbyFiles.RequireBaseBackup(server.Installation);
        await using var connection = await server.ConnectAsync(cancellationToken);
        await using var exists = new NpgsqlCommand($"select 1 from pg_roles where rolname = '{LocalPostgresPrimary.ReplicationRole}'", connection);
        var verb = await exists.ExecuteScalarAsync(cancellationToken) == null ? "create" : "alter";

        // Without "local", the commit would wait for standbys, which cannot connect before it.
        await LocalPostgresServer.ExecuteAsync(connection, "set synchronous_commit = local", cancellationToken);
        var role = $"{LocalPostgresPrimary.ReplicationRole} replication login password {SqlText.Literal(server.Password)}";
        await LocalPostgresServer.ExecuteAsync(connection, $"{verb} role {role}", cancellationToken);
    }

    /// <summary>Sets synchronous_standby_names, also for later starts. From then on, each commit waits for these standbys. On a standby, the value applies
    /// after its promotion. Call this before <see cref="PromoteAsync"/>, because otherwise the first commits after it have no copy.</summary>
    /// <param name="server">A primary, or a standby.</param>
    /// <param name="names">A value for Postgres: <c>ANY 1 (a, b)</c> with the standbys' application names. Empty: commits wait for no standby.</param>
    /// <param name="cancellationToken">Cancels the call; the setting may or may not have changed.</param>
    /// <exception cref="NpgsqlException">The server rejects the value, or does not answer.</exception>
    public static Task SetSynchronousStandbysAsync(this LocalPostgresServer server, string names, CancellationToken cancellationToken) =>
        AlterSystemAsync(server, "synchronous_standby_names", names, cancellationToken);

    /// <summary>Makes this standby follow another primary.</summary>
    /// <exception cref="NpgsqlException">The server does not answer. To check whether the new primary answers, read <c>pg_stat_wal_receiver</c>.</exception>
    public static Task FollowAsync(this LocalPostgresServer server, LocalPostgresPrimary primary, CancellationToken cancellationToken) =>
        AlterSystemAsync(server, "primary_conninfo", StandbyFiles.PrimaryConnInfo(primary, server.Password), cancellationToken);

    /// <summary>Ends this standby's recovery; returns when it accepts writes. The caller must ensure that the old primary has ended, and choose the standby
    /// that has received the most. Only that standby surely has all commits that waited for one of several standbys.</summary>
    /// <exception cref="NpgsqlException">The server is not a standby, or does not answer.</exception>
    /// <exception cref="LocalPostgresException">The server is still a standby after 60 s.</exception>
    public static async Task PromoteAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        await using var connection = await server.ConnectAsync(cancellationToken);
        await using var promote = new NpgsqlCommand("select pg_promote(true, 60)", connection) { CommandTimeout = 90 };
        if (await promote.ExecuteScalarAsync(cancellationToken) is not true)
        {
            throw new LocalPostgresException($"The standby on port {server.Port} did not become the primary within 60 s; see its log.");
        }
    }

    /// <summary>Returns the end of this primary's write-ahead log on its disk, in bytes.</summary>
    /// <exception cref="NpgsqlException">The server is a standby, or does not answer.</exception>
    public static async Task<long> PositionAsync(this LocalPostgresServer server, CancellationToken cancellationToken) =>
        (long)(await server.ScalarAsync("select (pg_current_wal_flush_lsn() - '0/0')::bigint", cancellationToken))!;

    /// <summary>Returns the position up to which a synchronous standby has flushed this primary's write-ahead log, in bytes; 0 without such a
    /// standby.</summary>
    /// <exception cref="NpgsqlException">The server does not answer.</exception>
    public static async Task<long> ConfirmedAsync(this LocalPostgresServer server, CancellationToken cancellationToken) =>
        (long)(await server.ScalarAsync(
            "select coalesce(max(flush_lsn - '0/0'), 0)::bigint from pg_stat_replication where sync_state in ('sync', 'quorum')", cancellationToken))!;

    /// <summary>Returns the end of the write-ahead log that this standby has received, in bytes. Final only after its primary has ended
    /// (<see cref="LocalPostgresServer.AllExited"/>). Waits until the standby has replayed the log on its disk, because it knows the end of that log only
    /// then.</summary>
    /// <exception cref="NpgsqlException">The server does not answer.</exception>
    /// <exception cref="LocalPostgresException">The standby has not replayed its log after 60 s, or the server is not a standby.</exception>
    public static async Task<long> ReceivedAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        // These two wait events show that the startup process has replayed everything. The receiver's flushed position may briefly be ahead of it.
        const string received = """
            select (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint from pg_stat_activity
            where backend_type = 'startup' and wait_event in ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')
            """;
        for (var end = Environment.TickCount64 + (long)ReplayLimit.TotalMilliseconds; Environment.TickCount64 < end; await Task.Delay(50, cancellationToken))
        {
            if (await server.ScalarAsync(received, cancellationToken) is long position)
            {
                return position;
            }
        }

        throw new LocalPostgresException($"The standby on port {server.Port} has not replayed its log within {ReplayLimit.TotalSeconds:0} s; see its log.");
    }

    private static async Task AlterSystemAsync(LocalPostgresServer server, string name, string value, CancellationToken cancellationToken)
    {
        await using var connection = await server.ConnectAsync(cancellationToken);
        await LocalPostgresServer.ExecuteAsync(connection, $"alter system set {name} = {SqlText.Literal(value)}", cancellationToken);
        await LocalPostgresServer.ExecuteAsync(connection, "select pg_reload_conf()", cancellationToken);
    }
}
