using Polly;
using Polly.Retry;
using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>Repeats an attempt while the answer is <see cref="AttemptOutcome.TryAgain"/>: exponential waits with jitter, 5 s at most, or as long as the API
/// asks; ends a fixed time after the first failure. Of a limited client (429), that time begins again with each request that passes, and the waits
/// that the API asks for do not count.</summary>
internal sealed class RetryPolicy
{
    private static readonly ResiliencePropertyKey<long> FirstFailure = new("first-failure");
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);

    private readonly ResiliencePipeline<AttemptResult> _pipeline;
    private readonly TimeSpan _giveUpAfter;
    private readonly TimeProvider _time;
    private long _passedAt = long.MinValue;

    /// <param name="giveUpAfter">Time from a request's first failure to the last attempt; infinite with <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="onRetry">Hears of each wait.</param>
    /// <param name="time">The clock.</param>
    public RetryPolicy(TimeSpan giveUpAfter, Action<AttemptResult> onRetry, TimeProvider time)
    {
        (_giveUpAfter, _time) = (giveUpAfter, time);
        var builder = new ResiliencePipelineBuilder<AttemptResult> { TimeProvider = time };
        builder.AddRetry(new RetryStrategyOptions<AttemptResult>
        {
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstDelay,
            MaxDelay = MaxDelay,
            ShouldHandle = arguments => ValueTask.FromResult(MayRetry(arguments)),
            DelayGenerator = arguments => ValueTask.FromResult(arguments.Outcome.Result!.RetryAfter),
            OnRetry = arguments =>
            {
                onRetry(arguments.Outcome.Result!);
                return ValueTask.CompletedTask;
            },
        });
        _pipeline = builder.Build();
    }

    /// <summary>Repeats an attempt until its answer is final, or the time is up: then the answer is still <see cref="AttemptOutcome.TryAgain"/>.</summary>
    /// <param name="first">The answer to the attempt that was made already.</param>
    /// <param name="attempt">A further one.</param>
    /// <param name="cancellationToken">Ends the waiting between attempts; an attempt under way is finished.</param>
    /// <exception cref="OperationCanceledException">Cancelled between attempts.</exception>
    public async ValueTask<AttemptResult> RetryAsync(AttemptResult first, Func<ValueTask<AttemptResult>> attempt, CancellationToken cancellationToken)
    {
        AttemptResult? made = first;
        ValueTask<AttemptResult> NextAsync()
        {
            var answer = made;
            made = null;
            return answer is null ? attempt() : ValueTask.FromResult(answer);
        }

        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        try
        {
            return await _pipeline.ExecuteAsync(static (_, next) => next(), context, (Func<ValueTask<AttemptResult>>)NextAsync);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Notes that a request has passed. Called for each, so it reads the clock and no more.</summary>
    public void NotePassed() => Volatile.Write(ref _passedAt, _time.GetTimestamp());

    private bool MayRetry(RetryPredicateArguments<AttemptResult> arguments)
    {
        if (arguments.Outcome.Result is not { Kind: AttemptOutcome.TryAgain } answer)
        {
            return false;
        }

        var now = _time.GetTimestamp();
        if (!arguments.Context.Properties.TryGetValue(FirstFailure, out var first))
        {
            first = now;
            arguments.Context.Properties.Set(FirstFailure, first);
        }

        var wait = answer.RetryAfter ?? TimeSpan.Zero;
        if (answer.IsLimited)
        {
            // The API is there, and says how long a large batch takes to be paid off: that wait is not counted.
            var since = Math.Max(first, Volatile.Read(ref _passedAt));
            arguments.Context.Properties.Set(FirstFailure, since + (long)(wait.TotalSeconds * _time.TimestampFrequency));
            (first, wait) = (since, TimeSpan.Zero);
        }

        return _giveUpAfter == Timeout.InfiniteTimeSpan || _time.GetElapsedTime(first, now) + wait < _giveUpAfter;
    }
}
