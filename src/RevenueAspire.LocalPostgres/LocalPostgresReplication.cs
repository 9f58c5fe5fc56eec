using Npgsql;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres;

/// <summary>Configures replication, and promotes a standby.</summary>
public static class LocalPostgresReplication
{
    private static readonly TimeSpan ReplayLimit = TimeSpan.FromSeconds(60);

    /// <summary>Creates the role that standbys connect as, with this server's password, or updates its password. Required on a primary before its first standby
    /// starts. Does not wait for standbys.</summary>
    /// <exception cref="NpgsqlException">The server is a standby, or does not answer.</exception>
    /// <exception cref="LocalPostgresException">The server's programs do not include pg_basebackup (as in the npm packages), so no standby can be
    /// created.</exception>
    public static async Task EnsureReplicationRoleAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        StandbyFiles.RequireBaseBackup(server.Installation);
        await using var connection = await server.ConnectAsync(cancellationToken);
        await using var exists = new NpgsqlCommand($"select 1 from pg_roles where rolname = '{LocalPostgresPrimary.ReplicationRole}'", connection);
        var verb = await exists.ExecuteScalarAsync(cancellationToken) == null ? "create" : "alter";

        // Without "local", the commit would wait for standbys, which can connect only after it.
        await LocalPostgresServer.ExecuteAsync(connection, "set synchronous_commit = local", cancellationToken);
        var role = $"{LocalPostgresPrimary.ReplicationRole} replication login password {SqlText.Literal(server.Password)}";
        await LocalPostgresServer.ExecuteAsync(connection, $"{verb} role {role}", cancellationToken);
    }

    /// <summary>Sets synchronous_standby_names, also for later starts. From then on, each commit waits for these standbys. On a standby, the value takes effect
    /// with its promotion. So call this before <see cref="PromoteAsync"/>; otherwise no standby has the first commits after the promotion.</summary>
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
    /// that has received the most. If commits waited for any one of several standbys, only this standby is certain to have all of them.</summary>
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

    /// <summary>Returns the end of the write-ahead log that this standby has received, in bytes. The result is final only after the primary has ended (<see
    /// cref="LocalPostgresServer.AllExited"/>). Waits until the standby has replayed the log on its disk, because before that it does not know the end of that
    /// log.</summary>
    /// <exception cref="NpgsqlException">The server does not answer.</exception>
    /// <exception cref="LocalPostgresException">The standby has not replayed its log after 60 s, or the server is not a standby.</exception>
    public static async Task<long> ReceivedAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        // A startup process that waits for one of these two events has replayed everything that it knows. The receiver may already have flushed a little more.
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
