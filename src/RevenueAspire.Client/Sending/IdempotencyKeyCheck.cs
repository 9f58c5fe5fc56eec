using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>Checks before a retry whether the API still remembers the request's key. One per run; thread-safe.</summary>
/// <param name="api">The API; its state is read at most about once per second.</param>
/// <param name="logId">The log at the start of the run; null if the API does not report it. In that case nothing is checked; the user has been warned.</param>
/// <param name="requestTimeout">Time limit of one query.</param>
/// <param name="time">The clock.</param>
internal sealed class IdempotencyKeyCheck(ApiConnection api, Guid? logId, TimeSpan requestTimeout, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);
    private static readonly AttemptResult NoKeyState = new(AttemptOutcome.TryAgain) { Detail = "it does not report which keys it remembers" };

    private readonly SemaphoreSlim _reading = new(1, 1);
    private LogState? _state;
    private AttemptResult _failure = NoKeyState;
    private long? _readAt;

    /// <returns>Null if the request may be sent; otherwise the reason why the API's state is unknown for now.</returns>
    /// <exception cref="SendException">The key is forgotten, or the API has another log: a retry could count as a new event.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask<AttemptResult?> CheckAsync(OutboundRequest request, CancellationToken cancellationToken)
    {
        if (logId is not { } began)
        {
            return null;
        }

        LogState? state;
        AttemptResult failure;
        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (_readAt is not { } readAt || time.GetElapsedTime(readAt) >= MaxAge)
            {
                (_state, _failure) = await ReadAsync(cancellationToken);
                _readAt = time.GetTimestamp();
            }

            (state, failure) = (_state, _failure);
        }
        finally
        {
            _reading.Release();
        }

        if (state is null)
        {
            return failure;
        }

        return ResumeRules.CheckKey(request.AsOf, began, state, request.LineNumber(0)) is { } reason
            ? throw new SendException(SendFailure.CannotResume, $"Sending stopped at line {request.LineNumber(0)} (its answer was lost): {reason}.")
            : null;
    }

    /// <summary>If keys are shared, polls the newest key's position, because receipts then do not contain it. A request's age is the position that was known
    /// when it was first sent. Without polling, late requests of a long run would seem as old as its first one.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task FollowAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (api.Log.IsShared && await timer.WaitForNextTickAsync(cancellationToken))
        {
            // Without an answer, the position stays as it was. That is safe.
            if ((await ReadAsync(cancellationToken)).State is { } state)
            {
                api.Log.Note(state);
            }
        }
    }

    public void Dispose() => _reading.Dispose();

    private async Task<(LogState? State, AttemptResult Failure)> ReadAsync(CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(requestTimeout);
        try
        {
            var (state, failure) = await api.GetLogStateAsync(timeout.Token);
            return (state, failure ?? NoKeyState);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return (null, ConnectionErrors.Judge(exception));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, new AttemptResult(AttemptOutcome.TryAgain) { Detail = $"no answer within {requestTimeout.TotalSeconds:0} s" });
        }
    }
}
