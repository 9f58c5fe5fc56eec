using Aspire.Hosting.Eventing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RevenueAspire.AppHost.Model;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Runs the servers of the model, and says in the dashboard how they are. Disposed with the AppHost's services, so after the orchestrator has stopped the clients.</summary>
internal sealed partial class LocalPostgresRunner(ResourceNotificationService notifications, ResourceProblems problems) : IAsyncDisposable
{
    private static readonly TimeSpan PatienceWithClients = TimeSpan.FromSeconds(8);

    private readonly Dictionary<LocalPostgresServerResource, LocalPostgresServer> _servers = [];
    private readonly SemaphoreSlim _oneAtATime = new(1);

    /// <summary>Starts the server, creates its databases, and publishes all as running: only containers do this for their children.</summary>
    /// <returns>Null, or in one line why it did not start.</returns>
    public async Task<string?> StartAsync(LocalPostgresServerResource resource, IServiceProvider services, CancellationToken cancellationToken)
    {
        var eventing = services.GetRequiredService<IDistributedApplicationEventing>();
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            await eventing.PublishAsync(new BeforeResourceStartedEvent(resource, services), cancellationToken);
            await PublishAsync(resource, KnownResourceStates.Starting);
            var logger = services.GetRequiredService<ResourceLoggerService>().GetLogger(resource);
            var server = await LocalPostgresServer.StartAsync(
                new LocalPostgresOptions
                {
                    DataDirectory = resource.DataDirectory,
                    Port = resource.Port,
                    Password = await resource.Password.GetValueAsync(cancellationToken) ?? "",
                    StopWithParent = true,
                    Log = line => LogServerLine(logger, line),
                },
                cancellationToken);
            _servers[resource] = server;
            foreach (var database in resource.Databases)
            {
                await server.EnsureDatabaseAsync(database.Name, cancellationToken);
            }

            _ = PublishEndAsync(resource, server);
            foreach (var running in WithDatabases(resource))
            {
                await eventing.PublishAsync(new ConnectionStringAvailableEvent(running, services), cancellationToken);
            }

            await PublishAsync(resource, KnownResourceStates.Running);
            return null;
        }
        catch (LocalPostgresException exception)
        {
            problems.Say(resource, exception.Message);
            await PublishAsync(resource, KnownResourceStates.FailedToStart);
            return exception.Message;
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
            if (_servers.Remove(resource, out var server))
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
        foreach (var server in _servers.Values.ToArray())
        {
            await WaitForClientsAsync(server);
            await server.DisposeAsync();
        }

        if (idle)
        {
            _oneAtATime.Dispose();
        }
    }

    /// <summary>The services are stopped by another process: the server goes when the last of them has let go of it.</summary>
    private static async Task WaitForClientsAsync(LocalPostgresServer server)
    {
        try
        {
            await using var connection = new NpgsqlConnection(server.ConnectionString() + ";Pooling=false");
            await connection.OpenAsync();
            await using var clients = new NpgsqlCommand("select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()", connection);
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

    private async Task PublishEndAsync(LocalPostgresServerResource resource, LocalPostgresServer server)
    {
        await server.Exited;
        await PublishAsync(resource, KnownResourceStates.Exited);
    }

    private async Task PublishAsync(LocalPostgresServerResource resource, string state)
    {
        foreach (var one in WithDatabases(resource))
        {
            await notifications.PublishUpdateAsync(one, snapshot => snapshot with
            {
                State = state,
                Urls = [.. snapshot.Urls.Select(url => url with { IsInactive = state != KnownResourceStates.Running })],
                StartTimeStamp = state == KnownResourceStates.Running ? DateTime.UtcNow : snapshot.StartTimeStamp,
                StopTimeStamp = state == KnownResourceStates.Exited ? DateTime.UtcNow : snapshot.StopTimeStamp,
            });
        }
    }

    private static IEnumerable<IResource> WithDatabases(LocalPostgresServerResource resource) => [resource, .. resource.Databases];
}
