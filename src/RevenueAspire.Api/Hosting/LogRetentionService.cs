using Microsoft.Extensions.Options;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>With <c>EventLog:Retention=applied</c>: removes what the ledger has, now and then (rule L10). The API does it because it alone writes the log's folder.</summary>
/// <remarks>The ledger's position is committed synchronously (rule M7), so what is read here survives a crash of the database.</remarks>
internal sealed partial class LogRetentionService(
    EventLogWriter log, LedgerReader ledger, IOptions<EventLogOptions> options, TimeProvider time, ILogger<LogRetentionService> logger) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.Retention == LogRetention.Off)
        {
            return;
        }

        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await RemoveAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested || exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the API, as in SchemaSetup.
        }
    }

    private async Task RemoveAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (await ledger.FindAppliedThroughAsync(log.LogId, stoppingToken) is { } applied)
            {
                log.RemoveApplied(applied, options.Value.RetainBytes);
            }
        }
        catch (LedgerUnavailableException)
        {
            // Logged by the reader, once; without the ledger's word nothing is removed.
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
        {
            // Whatever the disk or the database has to say: tidying up does not end the API.
            LogRemovalFailed(logger, exception.Message);
        }
    }

    [LoggerMessage(2001, LogLevel.Warning, "Segments that the ledger has could not be removed: {Reason} It is tried again.")]
    private static partial void LogRemovalFailed(ILogger logger, string reason);
}
