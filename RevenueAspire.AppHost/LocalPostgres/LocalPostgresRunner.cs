using System.Collections.Concurrent;
using Aspire.Hosting.Eventing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RevenueAspire.AppHost.Model;
using RevenueAspire.CommandLine;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Runs the servers of the model, and says in the dashboard how they are. Disposed with the AppHost's services, so after the orchestrator has stopped
/// the clients.</summary>
internal sealed partial class LocalPostgresRunner(
    ResourceNotificationService notifications,
    ResourceLoggerService loggers,
    IDistributedApplicationEventing eventing,
    IServiceProvider services,
    ResourceProblems problems) : IAsyncDisposable
{
    private static readonly TimeSpan PatienceWithClients = TimeSpan.FromSeconds(8);

    private readonly ConcurrentDictionary<LocalPostgresServerResource, LocalPostgresServer> _servers = [];
    private readonly ConcurrentDictionary<LocalPostgresServerResource, bool> _tried = [];
    private readonly SemaphoreSlim _oneAtATime = new(1);

    /// <summary>Starts the server in its role, and publishes it as running. The first start of the primary creates its databases and starts the
    /// standbys.</summary>
    /// <returns>Null, or in one line why it did not start.</returns>
    public async Task<string?> StartAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            var problem = await TryStartAsync(resource, cancellationToken);
            if (resource.IsPrimary)
            {
                // Without the primary, a standby that exists can start, and be promoted; one that does not exist is copied when the primary has started.
                var others = resource.Cluster.Standbys.Where(standby => !_tried.ContainsKey(standby)
                    && (problem is null || LocalPostgresServer.IsStandby(standby.DataDirectory)));
                await Task.WhenAll(others.Select(standby => TryStartAsync(standby, cancellationToken)));
            }

            return problem;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Stops the server at once, whoever uses it: what the services do without their database can be watched.</summary>
    public async Task StopAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            if (_servers.TryGetValue(resource, out var server) && !server.Exited.IsCompleted)
            {
                await PublishAsync(resource, KnownResourceStates.Stopping);
                await server.StopAsync(cancellationToken);
            }
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        // A start that is under way is cancelled with the AppHost, or has a server to stop.
        var idle = await _oneAtATime.WaitAsync(PatienceWithClients);
        // A primary sends its last commits to its standbys while it stops, so it is first.
        foreach (var role in _servers.GroupBy(entry => entry.Key.IsPrimary).OrderByDescending(role => role.Key).ToArray())
        {
            await Task.WhenAll(role.Select(async entry =>
            {
                await WaitForClientsAsync(entry.Value);
                await entry.Value.DisposeAsync();
            }));
        }

        if (idle)
        {
            _oneAtATime.Dispose();
        }
    }

    private async Task<string?> TryStartAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        _tried[resource] = true;
        if (IsRunning(resource))
        {
            return null;
        }

        try
        {
            await eventing.PublishAsync(new BeforeResourceStartedEvent(resource, services), cancellationToken);
            await PublishAsync(resource, KnownResourceStates.Starting);
            if (_servers.TryGetValue(resource, out var ended))
            {
                // One that ended without a stop still has the lock of its data directory.
                await ended.DisposeAsync();
            }

            var server = resource.IsPrimary ? await StartPrimaryAsync(resource, cancellationToken) : await StartStandbyAsync(resource, cancellationToken);
            _servers[resource] = server;
            _ = PublishEndAsync(resource, server);
            foreach (var running in WithDatabases(resource))
            {
                await eventing.PublishAsync(new ConnectionStringAvailableEvent(running, services), cancellationToken);
            }

            await PublishAsync(resource, KnownResourceStates.Running);
            return null;
        }
        catch (Exception exception) when (IsProblem(exception))
        {
            problems.Report(resource, exception.Message);
            await PublishAsync(resource, KnownResourceStates.FailedToStart);
            return exception.Message;
        }
    }

    private async Task<LocalPostgresServer> StartPrimaryAsync(LocalPostgresServerResource resource, CancellationToken cancellationToken)
    {
        var cluster = resource.Cluster;
        cluster.BeginPrimary();
        // A promotion that was decided, and cut off before its end. It waits for no primary: nothing listens on port 1.
        var isChosen = LocalPostgresServer.IsStandby(resource.DataDirectory);
        var server = await LocalPostgresServer.StartAsync(
            await OptionsAsync(resource, isChosen ? new LocalPostgresPrimary(1, resource.ApplicationName) : null, cancellationToken), cancellationToken);
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

            _ = CoverAsync(resource, server);
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
        if (!IsRunning(primary) && !LocalPostgresServer.IsStandby(resource.DataDirectory))
        {
            throw new LocalPostgresException($"{resource.Name} becomes a copy of {primary.Name}, which does not run: start {primary.Name} first.");
        }

        var source = new LocalPostgresPrimary(primary.Port, resource.ApplicationName);
        return await LocalPostgresServer.StartAsync(await OptionsAsync(resource, source, cancellationToken), cancellationToken);
    }

    private async Task<LocalPostgresOptions> OptionsAsync(
        LocalPostgresServerResource resource, LocalPostgresPrimary? primary, CancellationToken cancellationToken)
    {
        var logger = loggers.GetLogger(resource);
        return new LocalPostgresOptions
        {
            DataDirectory = resource.DataDirectory,
            Port = resource.Port,
            Password = await resource.Cluster.Password.GetValueAsync(cancellationToken) ?? "",
            StopWithParent = true,
            StandbyOf = primary,
            Settings = SettingsOf(resource),
            Log = line => LogServerLine(logger, line),
        };
    }

    private static Dictionary<string, string> SettingsOf(LocalPostgresServerResource resource) => resource.Cluster.Servers.Count == 1 ? [] : new()
    {
        // On the command line: it holds from a server's first moment as the primary, and no later than this run.
        ["synchronous_standby_names"] = resource.Cluster.SynchronousStandbysOf(resource),
        // A standby that was stopped for a while catches up instead of being copied.
        ["wal_keep_size"] = "256MB",
        ["wal_retrieve_retry_interval"] = "500ms",
    };

    /// <summary>The services are stopped by another process: the server goes when the last of them has let go of it.</summary>
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
            // It does not answer, so nobody waits for it.
        }
    }

    private bool IsRunning(LocalPostgresServerResource resource) => _servers.TryGetValue(resource, out var server) && !server.Exited.IsCompleted;

    private static bool IsProblem(Exception exception) => exception is LocalPostgresException or UserErrorException or NpgsqlException;
}
