using Npgsql;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres;

/// <summary>A primary, its standbys, and the change from one to the other.</summary>
public static class LocalPostgresReplication
{
    private static readonly TimeSpan ReplayLimit = TimeSpan.FromSeconds(60);

    /// <summary>Creates the role that standbys connect as, or gives it this server's password. Needed on a primary before its first standby starts; waits for
    /// no standby.</summary>
    /// <exception cref="NpgsqlException">The server is a standby, or does not answer.</exception>
    /// <exception cref="LocalPostgresException">The server's programs include no pg_basebackup (those of npm do not), so that no standby can be
    /// made.</exception>
    public static async Task EnsureReplicationRoleAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        StandbyFiles.RequireBaseBackup(server.Installation);
        await using var connection = await server.ConnectAsync(cancellationToken);
        await using var exists = new NpgsqlCommand($"select 1 from pg_roles where rolname = '{LocalPostgresPrimary.ReplicationRole}'", connection);
        var verb = await exists.ExecuteScalarAsync(cancellationToken) == null ? "create" : "alter";

        // Without "local" the commit would wait for standbys that cannot connect before it.
        await LocalPostgresServer.ExecuteAsync(connection, "set synchronous_commit = local", cancellationToken);
        var role = $"{LocalPostgresPrimary.ReplicationRole} replication login password {SqlText.Literal(server.Password)}";
        await LocalPostgresServer.ExecuteAsync(connection, $"{verb} role {role}", cancellationToken);
    }

    /// <summary>Sets synchronous_standby_names, also for later starts. From then on each commit waits for these standbys. May be called on a standby: the
    /// value holds from its promotion on, so call it before <see cref="PromoteAsync"/>, or the first commits after that have no copy.</summary>
    /// <param name="server">A primary, or a standby.</param>
    /// <param name="names">As Postgres takes it: <c>ANY 1 (a, b)</c> with the standbys' application names, or empty: commits wait for no standby.</param>
    /// <param name="cancellationToken">Stops the wait; the setting may or may not be changed.</param>
    /// <exception cref="NpgsqlException">The server refuses the value, or does not answer.</exception>
    public static Task SetSynchronousStandbysAsync(this LocalPostgresServer server, string names, CancellationToken cancellationToken) =>
        AlterSystemAsync(server, "synchronous_standby_names", names, cancellationToken);

    /// <summary>Lets this standby follow another primary from now on.</summary>
    /// <exception cref="NpgsqlException">The server does not answer. Whether the new primary does is in <c>pg_stat_wal_receiver</c>.</exception>
    public static Task FollowAsync(this LocalPostgresServer server, LocalPostgresPrimary primary, CancellationToken cancellationToken) =>
        AlterSystemAsync(server, "primary_conninfo", StandbyFiles.PrimaryConnInfo(primary, server.Password), cancellationToken);

    /// <summary>Ends this standby's recovery and returns once it takes writes. The caller makes sure that the old primary has ended, and chooses the standby
    /// that has received most: only that one surely has all commits that waited for one of several standbys.</summary>
    /// <exception cref="NpgsqlException">The server is no standby, or does not answer.</exception>
    /// <exception cref="LocalPostgresException">It still is a standby after 60 s.</exception>
    public static async Task PromoteAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        await using var connection = await server.ConnectAsync(cancellationToken);
        await using var promote = new NpgsqlCommand("select pg_promote(true, 60)", connection) { CommandTimeout = 90 };
        if (await promote.ExecuteScalarAsync(cancellationToken) is not true)
        {
            throw new LocalPostgresException($"The standby on port {server.Port} did not become the primary within 60 s; see its log.");
        }
    }

    /// <summary>The end of this primary's write-ahead log on its disk, in bytes.</summary>
    /// <exception cref="NpgsqlException">The server is a standby, or does not answer.</exception>
    public static async Task<long> PositionAsync(this LocalPostgresServer server, CancellationToken cancellationToken) =>
        (long)(await server.ScalarAsync("select (pg_current_wal_flush_lsn() - '0/0')::bigint", cancellationToken))!;

    /// <summary>Up to where a synchronous standby has this primary's write-ahead log on its disk, in bytes; 0 while none follows.</summary>
    /// <exception cref="NpgsqlException">The server does not answer.</exception>
    public static async Task<long> ConfirmedAsync(this LocalPostgresServer server, CancellationToken cancellationToken) =>
        (long)(await server.ScalarAsync(
            "select coalesce(max(flush_lsn - '0/0'), 0)::bigint from pg_stat_replication where sync_state in ('sync', 'quorum')", cancellationToken))!;

    /// <summary>The end of the write-ahead log that this standby has received, in bytes. Complete only once its primary has ended
    /// (<see cref="LocalPostgresServer.AllExited"/>). Waits until the standby has replayed all that it has on disk: until then it does not know how much that
    /// is.</summary>
    /// <exception cref="NpgsqlException">The server does not answer.</exception>
    /// <exception cref="LocalPostgresException">It still replays after 60 s, or is no standby.</exception>
    public static async Task<long> ReceivedAsync(this LocalPostgresServer server, CancellationToken cancellationToken)
    {
        // The startup process waits for more in one of these two ways. What the receiver has flushed may be ahead of it for a moment.
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
