using RevenueAspire.Api.Reads;

namespace RevenueAspire.Api.Hosting;

/// <summary>Tidies a log up now and then. Whatever the disk or the database has to say: it is tried again, and does not end the API.</summary>
internal abstract class LogCareService(TimeSpan interval, TimeProvider time) : BackgroundService
{
    /// <summary>Once through.</summary>
    /// <exception cref="LedgerUnavailableException">Without the ledger's word nothing is removed.</exception>
    protected abstract Task TidyAsync(CancellationToken stoppingToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryTidyAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested || exception is OperationCanceledException or ObjectDisposedException)
        {
            // The end of the API, as in SchemaSetup.
        }
    }

    /// <summary>Logs what could not be tidied up, and is tried again.</summary>
    protected abstract void LogNotTidied(string reason);

    private async Task TryTidyAsync(CancellationToken stoppingToken)
    {
        try
        {
            await TidyAsync(stoppingToken);
        }
        catch (LedgerUnavailableException)
        {
            // Logged by the reader, once.
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
        {
            LogNotTidied(exception.Message);
        }
    }
}
