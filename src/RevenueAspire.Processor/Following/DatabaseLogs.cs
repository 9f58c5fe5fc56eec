using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Following;

/// <summary>The logs in the ledger's database (<c>EventLog:Engine=Postgres</c>): one a process of the API.</summary>
/// <remarks>Of those whose process has ended most are in the ledger to their last byte: they are not followed.</remarks>
internal sealed class DatabaseLogs(NpgsqlDataSource database, ApplyServices services, TimeProvider time, Action<string, string> unreadable) : ILogDirectory
{
    private readonly LogSignal _signal = new(database, time);
    private readonly HashSet<Guid> _finished = [];

    /// <inheritdoc/>
    public string Name => "the database";

    /// <inheritdoc/>
    public async Task<List<LogSourceReader>> OpenAsync(Func<string, bool> isFollowed, CancellationToken cancellationToken)
    {
        var logs = new List<LogSourceReader>();
        foreach (var log in await services.Retry.RunAsync(token => PostgresLogs.ListAsync(database, token), cancellationToken).ConfigureAwait(false))
        {
            if (_finished.Contains(log.LogId) || (log.IsClosed && await IsAppliedAsync(log, cancellationToken).ConfigureAwait(false)))
            {
                _finished.Add(log.LogId);
                continue;
            }

            try
            {
                logs.Add(new LogSourceReader(DatabaseLog.Open(database, _signal, log.LogId)));
            }
            catch (Exception exception) when (exception is EventLogException or IOException)
            {
                unreadable($"log {log.LogId:N}", exception.Message);
            }
        }

        return logs;
    }

    /// <inheritdoc/>
    public bool IsStillThere(string name, Guid logId) => true;

    /// <inheritdoc/>
    public bool IsFinished(Guid logId) => _finished.Contains(logId);

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken cancellationToken) => _signal.RunAsync(cancellationToken);

    private async Task<bool> IsAppliedAsync(PostgresLogInfo log, CancellationToken cancellationToken) =>
        await services.Retry.RunAsync(token => services.Sources.FindAsync(log.LogId, token), cancellationToken).ConfigureAwait(false) is { } source && source.AppliedThrough >= log.End;
}
