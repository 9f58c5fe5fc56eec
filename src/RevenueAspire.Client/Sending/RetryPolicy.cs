using Polly;
using Polly.Retry;
using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>Repeats an attempt while the answer is <see cref="AttemptOutcome.TryAgain"/>. Waits grow exponentially with jitter up to 5 s, or last as long as
/// the API requests. Gives up a fixed time after the first failure. After a 429 (rate limit), each accepted request restarts that time, and waits that the API
/// requests do not count.</summary>
internal sealed class RetryPolicy
{
    private static readonly ResiliencePropertyKey<long> FirstFailure = new("first-failure");
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);

    private readonly ResiliencePipeline<AttemptResult> _pipeline;
    private readonly TimeSpan _giveUpAfter;
    private readonly TimeProvider _time;
    private long _passedAt = long.MinValue;

    /// <param name="giveUpAfter">Time from a request's first failure to its last attempt; <see cref="Timeout.InfiniteTimeSpan"/> for no limit.</param>
    /// <param name="onRetry">Called for each wait.</param>
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

    /// <summary>Repeats an attempt until its answer is final or the time is up. In the latter case the answer is still
    /// <see cref="AttemptOutcome.TryAgain"/>.</summary>
    /// <param name="first">The answer to the first attempt.</param>
    /// <param name="attempt">Makes a further attempt.</param>
    /// <param name="cancellationToken">Stops the waiting between attempts; an attempt in progress is finished.</param>
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

    /// <summary>Records that a request was accepted. Called for each request, so it only reads the clock.</summary>
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
            // The API is available, and only the client's rate limit is used up. So this wait does not count.
            var since = Math.Max(first, Volatile.Read(ref _passedAt));
            arguments.Context.Properties.Set(FirstFailure, since + (long)(wait.TotalSeconds * _time.TimestampFrequency));
            (first, wait) = (since, TimeSpan.Zero);
        }

        return _giveUpAfter == Timeout.InfiniteTimeSpan || _time.GetElapsedTime(first, now) + wait < _giveUpAfter;
    }
}
