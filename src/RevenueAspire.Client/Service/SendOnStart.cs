using Microsoft.Extensions.Options;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary>Sends the configured file once after the start, when <c>Client:SendOnStart</c> is set. A journal on disk remembers it over restarts.</summary>
internal sealed partial class SendOnStart(FileSender sender, IOptions<ClientOptions> options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<SendOnStart> logger) : BackgroundService
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.SendOnStart)
        {
            return;
        }

        try
        {
            await StartedAsync(stoppingToken);
            using var place = await sender.EnterAsync(stoppingToken);
            while (!await TrySendAsync(stoppingToken))
            {
                await Task.Delay(PauseAfterFailure, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next start goes on.
        }
    }

    /// <returns>False when it is worth another attempt.</returns>
    private async Task<bool> TrySendAsync(CancellationToken stop)
    {
        try
        {
            await sender.SendAsync(SendKind.Start, again: false, Timeout.InfiniteTimeSpan, stop);
            return true;
        }
        catch (SendException failure) when (failure.Failure == SendFailure.ApiAway)
        {
            LogInterrupted(failure.Message);
            return false;
        }
        catch (SendException failure)
        {
            LogFailed(failure.Message + (failure.Failure == SendFailure.Unauthorized ? " Set Client:Secret to one of the API's Ingest:Secrets." : ""));
            return true;
        }
    }

    private async Task StartedAsync(CancellationToken stop)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stop);
    }
}
