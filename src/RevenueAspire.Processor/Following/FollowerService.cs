using System.Data.Common;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Processor.Following;

/// <summary>Follows <c>EventLog:Directory</c> and each direct subfolder that holds a log; finds new ones while it runs.</summary>
/// <remarks>A source that stops (rules M9, M11, M12) stays stopped until the program is started again or another log stands in its place; the others go on.</remarks>
internal sealed partial class FollowerService(
    NpgsqlDataSource database, ApplyServices services, IConfiguration configuration, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<FollowerService> logger) : BackgroundService
{
    private static readonly TimeSpan ScanPause = TimeSpan.FromSeconds(1);
    private readonly Dictionary<string, Followed> _followed = [];
    private readonly HashSet<(string Directory, Guid LogId)> _refused = [];

    private sealed record Followed(Guid LogId, Task Task, CancellationTokenSource Stop);

    /// <summary>Why the service ended though nobody asked it to, else null. Set before the host stops.</summary>
    public Exception? Refusal { get; private set; }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var root = DataDirectory.ResolveEventLog(configuration);
        LogFollowing(root);
        try
        {
            await services.Retry.RunAsync(ApplySchemaAsync, stoppingToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is LedgerException or DbException or UserErrorException)
        {
            // A database that cannot hold the ledger: no log could go on, so the program ends with one line that says why.
            Refusal = exception;
            lifetime.StopApplication();
            return;
        }

        try
        {
            while (true)
            {
                foreach (var log in OpenLogs(root))
                {
                    await FollowAsync(log, stoppingToken).ConfigureAwait(false);
                }

                await Task.Delay(ScanPause, time, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            // A fault of the service itself: the program ends, and not as if it had been asked to.
            Refusal = exception;
            lifetime.StopApplication();
        }
        finally
        {
            foreach (var followed in _followed.Values)
            {
                await StopAsync(followed).ConfigureAwait(false);
            }
        }
    }

    private static string[] FindLogs(string root)
    {
        try
        {
            return Directory.Exists(root) ? new[] { root }.Concat(Directory.GetDirectories(root)).Where(EventLogReader.IsLog).ToArray() : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Removed or made unreadable between two looks: the next look tells.
            return [];
        }
    }

    private async Task ApplySchemaAsync(CancellationToken cancellationToken)
    {
        try
        {
            await LedgerSchema.ApplyAsync(database, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (LedgerErrors.IsSettings(exception))
        {
            throw new UserErrorException(LedgerErrors.Describe(exception), exception);
        }
    }

    /// <summary>The logs that can be opened, the longest first: of two copies of one log that are found together, that is the one that lives.</summary>
    private List<LogSourceReader> OpenLogs(string root)
    {
        var logs = new List<(LogSourceReader Log, long End)>();
        foreach (var directory in FindLogs(root))
        {
            LogSourceReader? log = null;
            try
            {
                log = LogSourceReader.Open(directory);
                logs.Add((log, log.ReadEnd()));
            }
            catch (Exception exception) when (exception is EventLogException or SourceStoppedException or IOException or UnauthorizedAccessException)
            {
                log?.Dispose();
                if (!_followed.ContainsKey(directory))
                {
                    LogUnreadable(directory, exception.Message);
                }
            }
        }

        return [.. logs.OrderByDescending(log => log.End).ThenBy(log => log.Log.Name, StringComparer.Ordinal).Select(log => log.Log)];
    }

    private async Task FollowAsync(LogSourceReader log, CancellationToken stoppingToken)
    {
        var directory = log.Name;
        if (_followed.TryGetValue(directory, out var known) && known.LogId == log.LogId)
        {
            log.Dispose();
            return;
        }

        if (_followed.FirstOrDefault(followed => followed.Value.LogId == log.LogId) is { Key: { } other } twin)
        {
            if (IsStillThere(other, log.LogId))
            {
                // Only one of them is what the API writes; together they would be counted as one log with two histories.
                if (_refused.Add((directory, log.LogId)))
                {
                    LogTwin(directory, other);
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
            LogReplaced(directory, log.LogId);
            await StopAsync(known).ConfigureAwait(false);
        }

        var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var follower = new LogFollower(services, log, time, logger);
        _followed[directory] = new Followed(log.LogId, Task.Run(() => follower.RunAsync(stop.Token), CancellationToken.None), stop);
    }

    private static bool IsStillThere(string directory, Guid logId)
    {
        try
        {
            using var log = LogSourceReader.Open(directory);
            return log.LogId == logId;
        }
        catch (EventLogException)
        {
            // Unreadable is not gone.
            return EventLogReader.IsLog(directory);
        }
    }

    private static async Task StopAsync(Followed followed)
    {
        await followed.Stop.CancelAsync().ConfigureAwait(false);
        await followed.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        followed.Stop.Dispose();
    }
}
