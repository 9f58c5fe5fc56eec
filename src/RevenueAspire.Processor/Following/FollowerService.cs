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

    private sealed record Followed(Guid LogId, Task Task, CancellationTokenSource Stop);

    /// <summary>Why the service cannot work with this database at all, else null. Set before the host stops.</summary>
    public Exception? Refusal { get; private set; }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var root = DataDirectory.ResolveEventLog(configuration);
        LogFollowing(root);
        try
        {
            await services.Retry.RunAsync(token => LedgerSchema.ApplyAsync(database, token), stoppingToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is LedgerException or DbException)
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
                foreach (var directory in FindLogs(root))
                {
                    await FollowAsync(directory, stoppingToken).ConfigureAwait(false);
                }

                await Task.Delay(ScanPause, time, stoppingToken).ConfigureAwait(false);
            }
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

    private async Task FollowAsync(string directory, CancellationToken stoppingToken)
    {
        LogSourceReader log;
        try
        {
            log = LogSourceReader.Open(directory);
        }
        catch (Exception exception) when (exception is EventLogException or IOException or UnauthorizedAccessException)
        {
            if (!_followed.ContainsKey(directory))
            {
                LogUnreadable(directory, exception.Message);
            }

            return;
        }

        if (_followed.TryGetValue(directory, out var known))
        {
            if (known.LogId == log.LogId)
            {
                log.Dispose();
                return;
            }

            LogReplaced(directory, log.LogId);
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
