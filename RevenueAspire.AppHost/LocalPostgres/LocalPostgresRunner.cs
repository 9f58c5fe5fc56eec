using System.Collections.Concurrent;
using Aspire.Hosting.Eventing;
using Npgsql;
using RevenueAspire.AppHost.Model;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Runs the Postgres servers of the model, and shows their state in the dashboard. It is disposed with the AppHost's services, when the orchestrator
/// has already stopped the servers' clients.</summary>
internal sealed class LocalPostgresRunner(
    LocalPostgresServers servers,
    LocalPostgresStates states,
    LocalPostgresPromotion promotion,
    IDistributedApplicationEventing eventing,
    IServiceProvider services,
    ResourceProblems problems) : IAsyncDisposable
{
    private static readonly TimeSpan PatienceWithClients = TimeSpan.FromSeconds(8);

    private readonly ConcurrentDictionary<LocalPostgresServerResource, bool> _tried = [];

    /// <summary>Starts the server in its role, and publishes it as running. The first start of the primary creates its databases and starts the
    /// standbys.</summary>
    /// <returns>Null, or one line with the reason why it did not start.</returns>
    public Task<string?> StartAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken) => servers.OneAtATimeAsync(async () =>
    {
        var problem = await TryStartAsync(resource, cancellationToken);
        if (resource.IsPrimary)
        {
            // An existing standby can start without the primary, and can then be promoted. A missing standby is copied after the primary has started.
            var others = resource.Cluster.Standbys.Where(standby => !_tried.ContainsKey(standby)
                && (problem is null || LocalPostgresServer.IsStandby(standby.DataDirectory)));
            await Task.WhenAll(others.Select(standby => TryStartAsync(standby, cancellationToken)));
        }

        return problem;
    }, cancellationToken);

    /// <summary>Stops the server at once, even while clients use it.</summary>
    public Task StopAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken) => servers.OneAtATimeAsync(async () =>
    {
        if (servers.Started.TryGetValue(resource, out var server) && !server.Exited.IsCompleted)
        {
            await states.PublishAsync(resource, KnownResourceStates.Stopping);
            await server.StopAsync(cancellationToken);
        }
    }, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        // Wait for a start in progress. The AppHost's stop cancels it; if it succeeds anyway, its server is stopped below.
        var idle = await servers.OneAtATime.WaitAsync(PatienceWithClients);
        // Stop the primary first: while it stops, it sends its last commits to its standbys.
        foreach (var role in servers.Started.GroupBy(entry => entry.Key.IsPrimary).OrderByDescending(role => role.Key).ToArray())
        {
            await Task.WhenAll(role.Select(async entry =>
            {
                await WaitForClientsAsync(entry.Value);
                await entry.Value.DisposeAsync();
            }));
        }

        if (idle)
        {
            servers.OneAtATime.Dispose();
        }
    }

    private async Task<string?> TryStartAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        _tried[resource] = true;
        if (servers.IsRunning(resource))
        {
            return null;
        }

        try
        {
            await eventing.PublishAsync(new BeforeResourceStartedEvent(resource, services), cancellationToken);
            await states.PublishAsync(resource, KnownResourceStates.Starting);
            if (servers.Started.TryGetValue(resource, out var ended))
            {
                // If the server ended unexpectedly, its object still holds the lock of the data directory.
                await ended.DisposeAsync();
            }

            var server = resource.IsPrimary ? await StartPrimaryAsync(resource, cancellationToken) : await StartStandbyAsync(resource, cancellationToken);
            servers.Started[resource] = server;
            _ = states.PublishEndAsync(resource, server);
            foreach (var running in LocalPostgresStates.WithDatabases(resource))
            {
                await eventing.PublishAsync(new ConnectionStringAvailableEvent(running, services), cancellationToken);
            }

            await states.PublishAsync(resource, KnownResourceStates.Running);
            return null;
        }
        catch (Exception exception) when (LocalPostgresServers.IsProblem(exception))
        {
            problems.Report(resource, exception.Message);
            await states.PublishAsync(resource, KnownResourceStates.FailedToStart);
            return exception.Message;
        }
    }

    private async Task<LocalPostgresServer> StartPrimaryAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        var cluster = resource.Cluster;
        cluster.BeginPrimary();
        // Complete an interrupted promotion. The server starts as a standby of a primary that cannot exist: no server listens on port 1.
        var isChosen = LocalPostgresServer.IsStandby(resource.DataDirectory);
        var unreachable = isChosen ? new LocalPostgresPrimary(1, resource.ApplicationName) : null;
        var server = await LocalPostgresServer.StartAsync(await servers.OptionsAsync(resource, unreachable, cancellationToken), cancellationToken);
        try
        {
            if (isChosen)
            {
                await server.PromoteAsync(cancellationToken);
            }

            if (cluster.Servers.Count > 1)
            {
                await EnsureStandbysCanJoinAsync(cluster, server, cancellationToken);
            }

            foreach (var database in cluster.Databases)
            {
                await server.EnsureDatabaseAsync(database.Name, cancellationToken);
            }

            _ = promotion.CoverAsync(resource, server);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private static async Task EnsureStandbysCanJoinAsync(LocalPostgresCluster cluster, LocalPostgresServer server, CancellationToken cancellationToken)
    {
        try
        {
            await server.EnsureReplicationRoleAsync(cancellationToken);
        }
        catch (LocalPostgresException exception)
        {
            throw new LocalPostgresException($"{ModelDatabase.ReplicasSetting} is {cluster.Servers.Count - 1}, but {exception.Message}", exception);
        }
    }

    private async Task<LocalPostgresServer> StartStandbyAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        var primary = resource.Cluster.Primary;
        if (!servers.IsRunning(primary) && !LocalPostgresServer.IsStandby(resource.DataDirectory))
        {
            throw new LocalPostgresException($"{resource.Name} becomes a copy of {primary.Name}, which is not running. Start {primary.Name} first.");
        }

        var source = new LocalPostgresPrimary(primary.Port, resource.ApplicationName);
        return await LocalPostgresServer.StartAsync(await servers.OptionsAsync(resource, source, cancellationToken), cancellationToken);
    }

    /// <summary>Waits until the last client has disconnected. The orchestrator, another process, stops the clients.</summary>
    private static async Task WaitForClientsAsync(LocalPostgresServer server)
    {
        try
        {
            await using var connection = new NpgsqlConnection(server.ConnectionString() + ";Pooling=false");
            await connection.OpenAsync();
            await using var clients = new NpgsqlCommand(
                "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()", connection);
            for (var deadline = DateTime.UtcNow + PatienceWithClients; DateTime.UtcNow < deadline && (long)(await clients.ExecuteScalarAsync())! > 0;)
            {
                await Task.Delay(100);
            }
        }
        catch (NpgsqlException)
        {
            // The server does not answer, so no client uses it.
        }
    }
}
