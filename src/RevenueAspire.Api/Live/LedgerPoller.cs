using RevenueAspire.Api.Hosting;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Live;

/// <summary>Polls the ledger's figures: every second while a viewer is connected, otherwise every ten seconds, so that the next viewer sees the last
/// minutes.</summary>
internal sealed partial class LedgerPoller(
    LiveFeed feed, LedgerReader ledger, EventLogWriter log, TopUsers topUsers, TimeProvider time, ILogger<LedgerPoller> logger) : StoppableService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private const int Rejects = 8;
    private static readonly TimeSpan IdleInterval = TimeSpan.FromSeconds(10);

    private LiveSnapshot? _last;
    private long _lastTimestamp;

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var began = time.GetTimestamp();
            try
            {
                await PollAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
            {
                // A bug here must not stop the API from accepting events. The page keeps its last figures.
                LogFiguresNotRead(logger, exception.Message);
            }

            await Task.WhenAny(feed.WatchedAsync(), Task.Delay(IdleInterval, time, stoppingToken));

            // At most one poll per interval, even if many viewers connect.
            if (Interval - time.GetElapsedTime(began) is { Ticks: > 0 } rest)
            {
                await Task.Delay(rest, time, stoppingToken);
            }

            stoppingToken.ThrowIfCancellationRequested();
        }
    }

    private async Task PollAsync(CancellationToken stoppingToken)
    {
        try
        {
            // Read the ends of the logs first: events that arrive after this read must not enlarge the lag.
            var logs = await log.ListLogsAsync(stoppingToken).AsTask().WaitAsync(LedgerReader.ReadTimeout, stoppingToken);
            Guid[] sources = [.. logs.Select(each => each.LogId)];
            var overview = await ledger.ReadAsync(
                (OverviewQueries queries, CancellationToken cancellation) => queries.ReadAsync(sources, Rejects, cancellation), stoppingToken);
            var isHistoryKept = await ledger.ReadAsync(
                (HistoryQueries queries, CancellationToken cancellation) => queries.IsKeptAsync(cancellation), stoppingToken);
            if (feed.Viewers > 0)
            {
                topUsers.Refresh(stoppingToken);
            }

            var now = time.GetTimestamp();
            _last = ToSnapshot(overview, logs, isHistoryKept, _last is null ? null : time.GetElapsedTime(_lastTimestamp, now));
            _lastTimestamp = now;
            feed.Publish(_last);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
        {
            if (exception is not (LedgerUnavailableException or IOException or TimeoutException))
            {
                // For example, the database has another schema.
                LogFiguresNotRead(logger, exception.Message);
            }

            feed.Publish((_last ?? new LiveSnapshot(0, "")) with
            {
                At = time.GetUtcNow().ToUnixTimeMilliseconds(),
                State = LiveSnapshot.DatabaseAway,
                EventsPerSecond = null,
                LagBytes = null,
                ProcessorsAtWork = null,
            });
        }
    }

    private LiveSnapshot ToSnapshot(LedgerOverview overview, IReadOnlyList<LogExtent> logs, bool isHistoryKept, TimeSpan? since) => new(
        time.GetUtcNow().ToUnixTimeMilliseconds(),
        LiveSnapshot.Current,
        overview.TotalRevenue,
        overview.Events,

        // The database may have been restored from a backup.
        since is { TotalSeconds: > 0 } passed ? Math.Round(Math.Max(0, overview.Events - _last!.Events.GetValueOrDefault()) / passed.TotalSeconds, 1) : 0,
        overview.RejectedLines,
        logs.Sum(each => Math.Max(0, each.End - Math.Max(each.FirstOffset, overview.AppliedThrough.GetValueOrDefault(each.LogId)))),
        overview.ProcessorsAtWork,
        [.. overview.LatestRejects.Select(ToReject)],
        topUsers.Latest,
        isHistoryKept);

    private static LiveReject ToReject(StoredReject reject) => new(
        reject.Source is null ? null : Path.GetFileName(reject.Source.TrimEnd('/', '\\')),
        reject.Line, reject.Offset, reject.Reason, reject.Beginning, new DateTimeOffset(reject.At).ToUnixTimeMilliseconds());

    [LoggerMessage(EventIds.FiguresNotRead, LogLevel.Warning, "The ledger's figures could not be read: {Reason}")]
    private static partial void LogFiguresNotRead(ILogger logger, string reason);
}
