using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Healthy when the server accepts a connection. A standby must also receive data from the primary.</summary>
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
                return HealthCheckResult.Healthy("Postgres accepts connections");
            }

            return await AskAsync(server, receives, cancellationToken)
                ? HealthCheckResult.Healthy($"Follows {server.Cluster.Primary.Name}")
                : HealthCheckResult.Degraded($"Receives no data from {server.Cluster.Primary.Name}");
        }
        catch (NpgsqlException exception)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }

    /// <exception cref="NpgsqlException">The server is unavailable.</exception>
    internal static async Task<bool> AskAsync(LocalPostgresServerResource server, string question, CancellationToken cancellationToken)
    {
        var connectionString = await server.ConnectionStringExpression.GetValueAsync(cancellationToken);
        // Not pooled, because a stopping server would have to wait for an idle connection.
        await using var connection = new NpgsqlConnection(connectionString + ";Database=postgres;Pooling=false;Timeout=5");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(question, connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}

/// <summary>Healthy when the primary accepts a connection and, if there are standbys, one of them confirms its commits.</summary>
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
                ? HealthCheckResult.Healthy($"{cluster.Primary.Name} accepts writes")
                : HealthCheckResult.Unhealthy($"Commits of {cluster.Primary.Name} wait: no standby confirms them");
        }
        catch (NpgsqlException exception)
        {
            return HealthCheckResult.Unhealthy(exception.Message);
        }
    }
}
