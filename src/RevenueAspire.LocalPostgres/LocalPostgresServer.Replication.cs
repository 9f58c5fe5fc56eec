using Npgsql;
using RevenueAspire.LocalPostgres.Data;

namespace RevenueAspire.LocalPostgres;

/// <content>A primary, its standbys, and the change from one to the other.</content>
public sealed partial class LocalPostgresServer
{
    /// <summary>Creates the role that standbys connect as, or gives it this server's password. Needed on a primary before its first standby starts; waits for
    /// no standby.</summary>
    /// <exception cref="NpgsqlException">The server is a standby, or does not answer.</exception>
    public async Task EnsureReplicationRoleAsync(CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        await using var exists = new NpgsqlCommand($"select 1 from pg_roles where rolname = '{LocalPostgresPrimary.ReplicationRole}'", connection);
        var verb = await exists.ExecuteScalarAsync(cancellationToken) == null ? "create" : "alter";

        // Without "local" the commit would wait for standbys that cannot connect before it.
        await ExecuteAsync(connection, "set synchronous_commit = local", cancellationToken);
        var role = $"{LocalPostgresPrimary.ReplicationRole} replication login password {SqlText.Literal(_options.Password)}";
        await ExecuteAsync(connection, $"{verb} role {role}", cancellationToken);
    }

    /// <summary>Sets synchronous_standby_names, also for later starts. From then on each commit waits for these standbys. May be called on a standby: the
    /// value holds from its promotion on,
    /// so call it before <see cref="PromoteAsync"/>, or the first commits after that have no copy.</summary>
    /// <param name="names">As Postgres takes it: <c>ANY 1 (a, b)</c> with the standbys' application names, or empty: commits wait for no standby.</param>
    /// <param name="cancellationToken">Stops the wait; the setting may or may not be changed.</param>
    /// <exception cref="NpgsqlException">The server refuses the value, or does not answer.</exception>
    public Task SetSynchronousStandbysAsync(string names, CancellationToken cancellationToken) =>
        AlterSystemAsync("synchronous_standby_names", names, cancellationToken);

    /// <summary>Lets this standby follow another primary from now on.</summary>
    /// <exception cref="NpgsqlException">The server does not answer. Whether the new primary does is in <c>pg_stat_wal_receiver</c>.</exception>
    public Task FollowAsync(LocalPostgresPrimary primary, CancellationToken cancellationToken) =>
        AlterSystemAsync("primary_conninfo", StandbyFiles.PrimaryConnInfo(primary, _options.Password), cancellationToken);

    /// <summary>Ends this standby's recovery and returns once it takes writes. The caller makes sure that the old primary has ended, and chooses the standby
    /// that has received most:
    /// only that one surely has all commits that waited for one of several standbys.</summary>
    /// <exception cref="NpgsqlException">The server is no standby, or does not answer.</exception>
    /// <exception cref="LocalPostgresException">It still is a standby after 60 s.</exception>
    public async Task PromoteAsync(CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        await using var promote = new NpgsqlCommand("select pg_promote(true, 60)", connection) { CommandTimeout = 90 };
        if (await promote.ExecuteScalarAsync(cancellationToken) is not true)
        {
            throw new LocalPostgresException($"The standby on port {Port} did not become the primary within 60 s; see its log.");
        }
    }

    private async Task AlterSystemAsync(string name, string value, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        await ExecuteAsync(connection, $"alter system set {name} = {SqlText.Literal(value)}", cancellationToken);
        await ExecuteAsync(connection, "select pg_reload_conf()", cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
