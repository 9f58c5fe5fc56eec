using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace RevenueAspire.CommandLine;

/// <summary>Ends the program with one line and exit code 1 if an exception in a background service has stopped the host. Without this, the exit code would be
/// 0.</summary>
/// <remarks>The host has logged the exception with its stack trace. <see cref="StoppedAsync"/> runs after all services have stopped. An exception that it
/// throws propagates out of <c>RunAsync</c>.</remarks>
internal sealed class BackgroundFailures(IServiceProvider services) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        foreach (var service in services.GetServices<IHostedService>().OfType<BackgroundService>())
        {
            if (service.ExecuteTask is { IsFaulted: true, Exception.InnerException: { } exception })
            {
                throw exception as UserErrorException ?? new UserErrorException(
                    $"{service.GetType().Name} has failed, and the program has stopped: {exception.Message.TrimEnd('.')}. See the log above.", exception);
            }
        }

        return Task.CompletedTask;
    }
}
