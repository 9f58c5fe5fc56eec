using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>Removes events from the log that the ledger has, as far as <c>EventLog:Retention</c> allows (rule L10). An error of the disk or the database is
/// logged, and the next pass tries again.</summary>
/// <remarks>The ledger's position is committed synchronously (rule M7), so it survives a crash of the database; the barrier adds the loss of its machine. Any
/// number of APIs may do it for one database.</remarks>
internal sealed partial class LogRetentionService(EventLogWriter log, LedgerReader ledger, TimeProvider time, ILogger<LogRetentionService> logger)
    : BackgroundService
{
    private readonly Dictionary<Guid, long> _confirmed = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(log.Retention.Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryRemoveAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested || exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the API, as in SchemaSetup.
        }
    }

    private async Task TryRemoveAsync(CancellationToken stoppingToken)
    {
        try
        {
            await log.Retention.RemoveAppliedAsync(FindAppliedAsync, stoppingToken);
        }
        catch (LedgerUnavailableException)
        {
            // Logged by the reader, once.
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
        {
            LogRemovalFailed(logger, exception.Message);
        }
    }

    private async Task<long?> FindAppliedAsync(Guid logId, CancellationToken cancellationToken)
    {
        var applied = await ledger.FindAppliedThroughAsync(logId, cancellationToken);
        if (applied > _confirmed.GetValueOrDefault(logId))
        {
            // A standby that takes over may lack what its primary had applied: the log keeps that until the quorum has it (rules L10 and R1).
            await ledger.ConfirmCommitsAsync(cancellationToken);
            _confirmed[logId] = applied.Value;
        }

        return applied;
    }

    [LoggerMessage(EventIds.EventsNotRemoved, LogLevel.Warning, "Events that the ledger has could not be removed from the log: {Reason} It is tried again.")]
    private static partial void LogRemovalFailed(ILogger logger, string reason);
}
