using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>Removes applied events from the log, as far as <c>EventLog:Retention</c> allows (rule L10). After an error of the disk or the database, it logs the
/// error and retries in the next pass.</summary>
/// <remarks>The ledger's position is committed synchronously (rule M7), so it survives a crash of the database. The replication barrier also protects it
/// against the loss of the database's machine. Several APIs may run this service for one database.</remarks>
internal sealed partial class LogRetentionService(EventLogWriter log, LedgerReader ledger, TimeProvider time, ILogger<LogRetentionService> logger)
    : StoppableService
{
    private readonly Dictionary<Guid, long> _confirmed = [];

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(log.Retention.Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await log.Retention.RemoveAppliedAsync(FindAppliedAsync, stoppingToken);
            }
            catch (LedgerUnavailableException)
            {
                // LedgerReader has already logged this.
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
            {
                LogRemovalFailed(logger, exception.Message);
            }
        }
    }

    private async Task<long?> FindAppliedAsync(Guid logId, CancellationToken cancellationToken)
    {
        var applied = await ledger.FindAppliedThroughAsync(logId, cancellationToken);
        if (applied > _confirmed.GetValueOrDefault(logId))
        {
            // After a failover, the new primary may lack events that the old one had applied. So the log keeps them until the quorum has them (rules L10 and
            // R1).
            if (!await ledger.ConfirmAppliedAsync(logId, applied.Value, cancellationToken))
            {
                return _confirmed.TryGetValue(logId, out var confirmed) ? confirmed : null;
            }

            _confirmed[logId] = applied.Value;
        }

        return applied;
    }

    [LoggerMessage(EventIds.EventsNotRemoved, LogLevel.Warning, "Applied events could not be removed from the log; the next pass will retry: {Reason}")]
    private static partial void LogRemovalFailed(ILogger logger, string reason);
}
