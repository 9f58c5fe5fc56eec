namespace RevenueAspire.Api.Hosting;

/// <summary>A background service whose loop ends without an error when the API stops.</summary>
internal abstract class StoppableService : BackgroundService
{
    protected abstract Task RunAsync(CancellationToken stoppingToken);

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunAsync(stoppingToken);
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested || exception is OperationCanceledException or ObjectDisposedException)
        {
            // The API is stopping, and the driver may report this with any exception. After a failed start, the host disposes the data source before it stops
            // this service, and would otherwise report this exception as the cause.
        }
    }
}
