using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>The logs in the ledger's database (<c>EventLog:Engine=Postgres</c>): one per process of the API.</summary>
/// <remarks>Most logs of ended processes are fully applied, and are not followed.</remarks>
internal sealed class DatabaseLogs(
    NpgsqlDataSource database, SessionDatabase session, ApplyServices services, TimeProvider time, ILogger logger, Action<string, string> unreadable)
        : ILogDirectory
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);
    private readonly LogNotifications _notifications = new(session.Source, time, logger);
    private readonly HashSet<Guid> _finished = [];
    private long _checked;
    private Dictionary<Guid, long> _unfinished = [];

    /// <inheritdoc/>
    public string Name => "the database";

    /// <inheritdoc/>
    public async Task<List<LogSourceReader>> OpenAsync(Func<string, bool> isFollowed, CancellationToken cancellationToken)
    {
        var logs = new List<LogSourceReader>();
        _unfinished = await services.Retry.RunAsync(FindUnfinishedAsync, cancellationToken).ConfigureAwait(false);
        _notifications.UpdateEnds(_unfinished);
        foreach (var logId in _unfinished.Keys.Where(logId => !isFollowed(PostgresLogs.SourceName(logId))))
        {
            try
            {
                logs.Add(LogSourceReader.Open(database, _notifications, logId));
            }
            catch (Exception exception) when (exception is EventLogException or IOException)
            {
                unreadable($"log {logId:N}", exception.Message);
            }
        }

        return logs;
    }

    /// <inheritdoc/>
    public bool IsStillThere(string name, Guid logId) => true;

    /// <inheritdoc/>
    public bool IsFinished(Guid logId) => !_unfinished.ContainsKey(logId);

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _notifications.RunAsync(cancellationToken);

    /// <summary>Finds the end of each log that is still written or not yet fully applied.</summary>
    /// <remarks>Queries the ledger after the logs, so that no unfinished log counts as finished. Closed logs accumulate, so finished ones are queried only once
    /// per <see cref="CheckInterval"/>. This finds logs to apply again after a restore of the database.</remarks>
    private async Task<Dictionary<Guid, long>> FindUnfinishedAsync(CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_checked) >= CheckInterval)
        {
            _finished.Clear();
            _checked = time.GetTimestamp();
        }

        var logs = await PostgresLogs.ListAsync(database, cancellationToken).ConfigureAwait(false);
        Guid[] closed = [.. logs.Where(log => log.IsClosed && !_finished.Contains(log.LogId)).Select(log => log.LogId)];
        var applied = closed.Length == 0 ? [] : await services.Sources.FindAppliedThroughAsync(closed, cancellationToken).ConfigureAwait(false);
        _finished.UnionWith(logs.Where(log => log.IsClosed && applied.GetValueOrDefault(log.LogId) >= log.End).Select(log => log.LogId));
        return logs.Where(log => !log.IsClosed || !_finished.Contains(log.LogId)).ToDictionary(log => log.LogId, log => log.End);
    }
}
