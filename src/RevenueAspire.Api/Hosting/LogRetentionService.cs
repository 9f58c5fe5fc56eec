using Microsoft.Extensions.Options;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>With <c>EventLog:Retention=applied</c>: removes what the ledger has, now and then (rule L10). The API does it because it alone writes the log's folder.</summary>
/// <remarks>The ledger's position is committed synchronously (rule M7), so what is read here survives a crash of the database; the barrier adds the loss of its machine.</remarks>
internal sealed partial class LogRetentionService(EventLogWriter log, LedgerReader ledger, IOptions<EventLogOptions> options, TimeProvider time, ILogger<LogRetentionService> logger)
    : LogCareService(Interval, time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private long _confirmed;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        options.Value.Retention == LogRetention.Off ? Task.CompletedTask : base.ExecuteAsync(stoppingToken);

    protected override async Task TidyAsync(CancellationToken stoppingToken)
    {
        if (await ledger.FindAppliedThroughAsync(log.LogId, stoppingToken) is { } applied)
        {
            if (applied > _confirmed)
            {
                // A standby that takes over may lack what its primary had applied: the log keeps that until the quorum has it (rules L10 and R1).
                await ledger.ConfirmCommitsAsync(stoppingToken);
                _confirmed = applied;
            }

            log.RemoveApplied(applied, options.Value.RetainBytes);
        }
    }

    protected override void LogNotTidied(string reason) => LogRemovalFailed(logger, reason);

    [LoggerMessage(2001, LogLevel.Warning, "Segments that the ledger has could not be removed: {Reason} It is tried again.")]
    private static partial void LogRemovalFailed(ILogger logger, string reason);
}
