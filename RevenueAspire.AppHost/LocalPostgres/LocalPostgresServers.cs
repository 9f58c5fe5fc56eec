using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>The server processes of this AppHost, by resource. Thread-safe.</summary>
internal sealed partial class LocalPostgresServers(ResourceLoggerService loggers)
{
    /// <summary>All servers started so far, including those that have ended.</summary>
    public ConcurrentDictionary<LocalPostgresServerResource, LocalPostgresServer> Started { get; } = [];

    /// <summary>Held while a server is started, stopped or promoted.</summary>
    public SemaphoreSlim OneAtATime { get; } = new(1);

    /// <summary>Runs an action that starts, stops or promotes a server. Only one runs at a time.</summary>
    public async Task<T> OneAtATimeAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken)
    {
        await OneAtATime.WaitAsync(cancellationToken);
        try
        {
            return await action();
        }
        finally
        {
            OneAtATime.Release();
        }
    }

    /// <inheritdoc cref="OneAtATimeAsync{T}"/>
    public Task OneAtATimeAsync(Func<Task> action, CancellationToken cancellationToken) => OneAtATimeAsync(async () =>
    {
        await action();
        return true;
    }, cancellationToken);

    public bool IsRunning(LocalPostgresServerResource resource) => Started.TryGetValue(resource, out var server) && !server.Exited.IsCompleted;

    /// <summary>Whether the error is to be reported, not thrown: its cause is a server, or a setting of the user.</summary>
    public static bool IsProblem(Exception exception) => exception is LocalPostgresException or UserErrorException or NpgsqlException;

    /// <summary>Returns the options of a server. If a primary is given, the server is its standby.</summary>
    public async Task<LocalPostgresOptions> OptionsAsync(
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
        // Pass this setting on the command line. It then applies as soon as the server is the primary, and only to this run.
        ["synchronous_standby_names"] = resource.Cluster.SynchronousStandbysOf(resource),
        // Keep some log, so that a standby that was stopped for a while can catch up without a new copy.
        ["wal_keep_size"] = "256MB",
        ["wal_retrieve_retry_interval"] = "500ms",
    };

    [LoggerMessage(EventIds.ServerLine, LogLevel.Information, "{Line}")]
    private static partial void LogServerLine(ILogger logger, string line);
}
