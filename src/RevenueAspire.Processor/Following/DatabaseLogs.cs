using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>The logs in the ledger's database (<c>EventLog:Engine=Postgres</c>): one a process of the API.</summary>
/// <remarks>Of those whose process has ended most are in the ledger to their last byte: they are not followed.</remarks>
internal sealed class DatabaseLogs(
    NpgsqlDataSource database, SessionDatabase session, ApplyServices services, TimeProvider time, ILogger logger, Action<string, string> unreadable) : ILogDirectory
{
    // Asked anew each time, never remembered: a database that was set back has something to apply again.
    private const string Unfinished =
        """
        select l.log_id, l.end_offset from event_log l left join event_source s on s.source_id = l.log_id
        where not l.is_closed or coalesce(s.applied_through, 0) < l.end_offset order by l.created_at, l.log_id
        """;

    private readonly LogSignal _signal = new(session.Source, time, logger);
    private Dictionary<Guid, long> _unfinished = [];

    /// <inheritdoc/>
    public string Name => "the database";

    /// <inheritdoc/>
    public async Task<List<LogSourceReader>> OpenAsync(Func<string, bool> isFollowed, CancellationToken cancellationToken)
    {
        var logs = new List<LogSourceReader>();
        _unfinished = await services.Retry.RunAsync(FindUnfinishedAsync, cancellationToken).ConfigureAwait(false);
        _signal.Tell(_unfinished);
        foreach (var logId in _unfinished.Keys.Where(logId => !isFollowed(PostgresLogs.SourceName(logId))))
        {
            try
            {
                logs.Add(LogSourceReader.Open(database, _signal, logId));
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
    public Task RunAsync(CancellationToken cancellationToken) => _signal.RunAsync(cancellationToken);

    private async Task<Dictionary<Guid, long>> FindUnfinishedAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Unfinished);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var found = new Dictionary<Guid, long>();
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add(rows.GetGuid(0), rows.GetInt64(1));
        }

        return found;
    }
}
