using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Healthy when the server takes a connection; a standby must also receive from the primary.</summary>
internal sealed class LocalPostgresHealthCheck(LocalPostgresServerResource server) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        const string receives = "select exists (select from pg_stat_wal_receiver where status = 'streaming')";
        try
        {
            if (server.IsPrimary)
            {
                await AskAsync(server, "select true", cancellationToken);
                return HealthCheckResult.Healthy("Postgres answers");
            }

            return await AskAsync(server, receives, cancellationToken)
                ? HealthCheckResult.Healthy($"Follows {server.Cluster.Primary.Name}")
                : HealthCheckResult.Degraded($"Receives nothing from {server.Cluster.Primary.Name}");
        }
        catch (NpgsqlException exception)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }

    /// <exception cref="NpgsqlException">The server does not answer.</exception>
    internal static async Task<bool> AskAsync(LocalPostgresServerResource server, string question, CancellationToken cancellationToken)
    {
        var connectionString = await server.ConnectionStringExpression.GetValueAsync(cancellationToken);
        // Not pooled: an idle connection would be one more to wait for at the stop.
        await using var connection = new NpgsqlConnection(connectionString + ";Database=postgres;Pooling=false;Timeout=5");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(question, connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}

/// <summary>Healthy when the primary takes a connection and a standby confirms its commits, where there are standbys.</summary>
internal sealed class LocalPostgresDatabaseHealthCheck(LocalPostgresCluster cluster) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        const string confirmed = """
            select current_setting('synchronous_standby_names') = ''
                   or exists (select from pg_stat_replication where sync_state in ('sync', 'quorum') and state = 'streaming')
            """;
        try
        {
            return await LocalPostgresHealthCheck.AskAsync(cluster.Primary, confirmed, cancellationToken)
                ? HealthCheckResult.Healthy($"{cluster.Primary.Name} takes writes")
                : HealthCheckResult.Unhealthy($"No standby confirms the commits of {cluster.Primary.Name}: they wait");
        }
        catch (NpgsqlException exception)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }
}
