using System.Data.Common;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.History;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>Follows the logs in <c>EventLog:Directory</c> and its direct subfolders, or in the database, and finds new logs while it runs.</summary>
/// <remarks>A stopped source (rules M9, M11, M12) stays stopped until the program restarts or another log takes its place. Other sources continue.</remarks>
internal sealed class FollowerService(
    NpgsqlDataSource database, SessionDatabase session, ApplyServices services, IConfiguration configuration, TimeProvider time,
    HistoryOptions history, IHostApplicationLifetime lifetime, ILogger<FollowerService> logger) : BackgroundService
{
    private static readonly TimeSpan ScanPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LedgerPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RotationPause = TimeSpan.FromMinutes(10);
    private readonly Dictionary<string, Followed> _followed = [];
    private readonly HashSet<(string Directory, Guid LogId)> _refused = [];

    private sealed record Followed(Guid LogId, Task Task, CancellationTokenSource Stop);

    /// <summary>The error that ended the service, or null after a normal stop. Set before the host stops.</summary>
    public Exception? Refusal { get; private set; }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        ILogDirectory logs;
        try
        {
            var inDatabase = LogEngines.Read(configuration) == LogEngine.Postgres;
            logs = inDatabase ? new DatabaseLogs(database, session, services, time, logger, logger.LogUnreadable)
                : new FolderLogs(DataDirectory.ResolveEventLog(configuration), logger.LogUnreadable);
            logger.LogFollowing(logs.Name);
            if (inDatabase)
            {
                await services.Retry.RunAsync(token => NamingSettingsAsync(ApplyLogSchemaAsync, token), stoppingToken).ConfigureAwait(false);
            }

            await services.Retry.RunAsync(token => NamingSettingsAsync(ApplySchemaAsync, token), stoppingToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is LedgerException or EventLogException or DbException or UserErrorException)
        {
            // The database cannot hold the ledger, so no log can continue. The program ends with one line that states the reason.
            Refusal = exception;
            lifetime.StopApplication();
            return;
        }

        using var beside = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var running = Task.WhenAll(logs.RunAsync(beside.Token), WatchLedgerAsync(beside.Token));
        try
        {
            while (true)
            {
                foreach (var log in await logs.OpenAsync(_followed.ContainsKey, stoppingToken).ConfigureAwait(false))
                {
                    await FollowAsync(logs, log, stoppingToken).ConfigureAwait(false);
                }

                foreach (var (name, followed) in _followed.Where(followed => logs.IsFinished(followed.Value.LogId)).ToArray())
                {
                    _followed.Remove(name);
                    await StopAsync(followed).ConfigureAwait(false);
                }

                await Task.Delay(ScanPause, time, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            // An error in the service itself: end the program, with an exit code that shows the failure.
            Refusal = exception;
            lifetime.StopApplication();
        }
        finally
        {
            await beside.CancelAsync().ConfigureAwait(false);
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var followed in _followed.Values)
            {
                await StopAsync(followed).ConfigureAwait(false);
            }
        }
    }

    private async Task ApplyLogSchemaAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await PostgresLogSchema.ApplyAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private async Task ApplySchemaAsync(CancellationToken cancellationToken)
    {
        var state = await LedgerSchema.ApplyAsync(database, cancellationToken).ConfigureAwait(false);
        if (state.Fault is { } fault)
        {
            throw new LedgerException(fault);
        }

        services.History = await HistorySetup.RunAsync(database, services.Types, history, cancellationToken).ConfigureAwait(false);
        logger.LogLedger(state.Schema, state.Database);
        foreach (var warning in state.Warnings)
        {
            logger.LogLedgerWarning(warning);
        }
    }

    /// <summary>Converts an error caused by a setting, which no retry fixes, into one line that names the setting.</summary>
    private static async Task NamingSettingsAsync(Func<CancellationToken, Task> apply, CancellationToken cancellationToken)
    {
        try
        {
            await apply(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (DatabaseErrors.IsSettings(exception))
        {
            throw new UserErrorException(DatabaseErrors.Describe(exception), exception);
        }
    }

    /// <summary>Reports each new fault of the ledger, even without events to apply. Until then, the merge statement itself refuses to apply events.</summary>
    private async Task WatchLedgerAsync(CancellationToken cancellationToken)
    {
        string? reported = null;
        long? rotatedAt = null;
        while (true)
        {
            await Task.Delay(LedgerPause, time, cancellationToken).ConfigureAwait(false);
            try
            {
                if (services.History is not null && (rotatedAt is not { } at || time.GetElapsedTime(at) >= RotationPause))
                {
                    await RotateHistoryAsync(cancellationToken).ConfigureAwait(false);
                    rotatedAt = time.GetTimestamp();
                }

                var fault = (await LedgerSchema.InspectAsync(database, cancellationToken).ConfigureAwait(false))?.Fault;
                ReportFault(fault);
            }
            catch (LedgerException refusal)
            {
                ReportFault(refusal.Message);
            }
            catch (Exception exception) when (exception is DbException or IOException or System.Net.Sockets.SocketException or TimeoutException)
            {
                // The followers report an unavailable database.
            }
        }

        void ReportFault(string? fault)
        {
            if (fault is not null && fault != reported)
            {
                logger.LogLedgerFault(fault);
            }

            reported = fault;
        }
    }

    /// <summary>Creates the next partition of the history when it is due, and drops partitions older than History:Retain.</summary>
    private async Task RotateHistoryAsync(CancellationToken cancellationToken)
    {
        try
        {
            var (_, dropped) = await HistoryPartitions.RotateAsync(database, history.Retain, now: null, cancellationToken).ConfigureAwait(false);
            if (dropped > 0)
            {
                logger.LogHistoryDropped(dropped);
            }
        }
        catch (DbException exception) when (!DatabaseErrors.IsTransient(exception))
        {
            // Merges continue: the current partition only gets larger, and is dropped later.
            logger.LogHistoryNotRotated(DatabaseErrors.Describe(exception));
        }
    }

    private async Task FollowAsync(ILogDirectory logs, LogSourceReader log, CancellationToken stoppingToken)
    {
        var directory = log.Name;
        if (_followed.TryGetValue(directory, out var known) && known.LogId == log.LogId)
        {
            log.Dispose();
            return;
        }

        if (_followed.FirstOrDefault(followed => followed.Value.LogId == log.LogId) is { Key: { } other } twin)
        {
            if (logs.IsStillThere(other, log.LogId))
            {
                // The API writes only one of the two. Following both would mix two histories in one source.
                if (_refused.Add((directory, log.LogId)))
                {
                    logger.LogTwin(directory, other);
                }

                log.Dispose();
                return;
            }

            // The folder was moved here.
            _followed.Remove(other);
            await StopAsync(twin.Value).ConfigureAwait(false);
        }

        if (known is not null)
        {
            logger.LogReplaced(directory, log.LogId);
            await StopAsync(known).ConfigureAwait(false);
        }

        var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var follower = new LogFollower(services, log, time, logger);
        _followed[directory] = new Followed(log.LogId, Task.Run(() => follower.RunAsync(stop.Token), CancellationToken.None), stop);
    }

    private static async Task StopAsync(Followed followed)
    {
        await followed.Stop.CancelAsync().ConfigureAwait(false);
        await followed.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        followed.Stop.Dispose();
    }
}
