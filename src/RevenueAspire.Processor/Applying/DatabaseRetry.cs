using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Applying;

/// <summary>Repeats calls to the ledger while their errors are transient (rule M12), with capped exponential back-off. Thread-safe.</summary>
/// <remarks>Every call of the ledger is a short transaction that is safe to repeat; what an attempt in doubt has done shows in the state that the next one reads (rule M6).</remarks>
internal sealed partial class DatabaseRetry
{
    private static readonly ResiliencePropertyKey<long> Started = new("started");
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);
    private readonly ResiliencePipeline _pipeline;
    private readonly TimeProvider _time;

    /// <param name="limit">How long a call is repeated, or null for ever.</param>
    /// <param name="time">Clock.</param>
    /// <param name="logger">Hears of each failed attempt.</param>
    public DatabaseRetry(TimeSpan? limit, TimeProvider time, ILogger<DatabaseRetry> logger)
    {
        _time = time;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(50),
                MaxDelay = LongestDelay,
                MaxRetryAttempts = int.MaxValue,
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is { } exception && LedgerErrors.IsTransient(exception)
                    && (limit is null || (arguments.Context.Properties.TryGetValue(Started, out var started) && time.GetElapsedTime(started) < limit))),
                OnRetry = arguments =>
                {
                    // The first attempts are the daily bread of concurrent processors; what lasts is worth a line.
                    var level = arguments.AttemptNumber < 4 ? LogLevel.Debug : LogLevel.Warning;
                    var problem = LedgerErrors.Describe(arguments.Outcome.Exception!);
                    LogRetry(logger, level, problem, arguments.RetryDelay.TotalSeconds);
                    return default;
                },
            })
            .Build();
    }

    /// <summary>Runs a call, and again while its error is transient.</summary>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        // The answer goes past the pipeline: for each type of one, some forty methods of the pipeline would be compiled, in a command that lives for half a second.
        T answer = default!;
        await RunAsync(async token => { answer = await call(token).ConfigureAwait(false); }, cancellationToken).ConfigureAwait(false);
        return answer;
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public async Task RunAsync(Func<CancellationToken, Task> call, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        try
        {
            context.Properties.Set(Started, _time.GetTimestamp());
            await _pipeline.ExecuteAsync(static (context, call) => new ValueTask(call(context.CancellationToken)), context, call).ConfigureAwait(false);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    [LoggerMessage(EventId = 3001, Message = "The database: {Problem} Trying again in {DelaySeconds:0.0} s.")]
    private static partial void LogRetry(ILogger logger, LogLevel level, string problem, double delaySeconds);
}
