using Microsoft.Extensions.Options;
using Polly;
using Polly.Retry;
using RevenueAspire.Client.Journal;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Service;

/// <summary>Sends the configured file once after the start, if <c>Client:SendOnStart</c> is set. A journal on disk prevents a second send after a
/// restart.</summary>
internal sealed partial class SendOnStart(
    FileSender sender, IOptions<ClientOptions> options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<SendOnStart> logger) : BackgroundService
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
            await Retries().ExecuteAsync(async stop => await sender.SendAsync(SendKind.Start, again: false, Timeout.InfiniteTimeSpan, stop), stoppingToken);
        }
        catch (SendException failure)
        {
            LogFailed(failure.Message + (failure.Failure == SendFailure.Unauthorized ? " Set Client:Secret to one of the API's Ingest:Secrets." : ""));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next start continues the run.
        }
    }

    /// <summary>Retries while the API is unavailable.</summary>
    private ResiliencePipeline Retries() => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = int.MaxValue,
            Delay = PauseAfterFailure,
            ShouldHandle = new PredicateBuilder().Handle<SendException>(failure => failure.Failure == SendFailure.ApiAway),
            OnRetry = retry =>
            {
                LogInterrupted(retry.Outcome.Exception!.Message);
                return ValueTask.CompletedTask;
            },
        })
        .Build();

    private async Task StartedAsync(CancellationToken stop)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stop);
    }

    [LoggerMessage(EventIds.StartInterrupted, LogLevel.Warning, "Sending at start was interrupted and will continue automatically: {Reason}")]
    private partial void LogInterrupted(string reason);

    [LoggerMessage(EventIds.StartFailed, LogLevel.Error, "The file was NOT sent at start: {Reason}")]
    private partial void LogFailed(string reason);
}
