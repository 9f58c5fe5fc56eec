using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>Asked before a request is repeated that the API may have already: whether the API still knows its key. One for a run; thread-safe.</summary>
/// <param name="api">Its state is read, about once a second at most.</param>
/// <param name="logId">The log that the run began with; null when the API does not tell: then nothing can be asked, and the user has been warned.</param>
/// <param name="requestTimeout">Time for one reading.</param>
/// <param name="time">The clock.</param>
internal sealed class IdempotencyKeyCheck(ApiConnection api, Guid? logId, TimeSpan requestTimeout, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);
    private static readonly AttemptResult NoKeyState = new(AttemptOutcome.TryAgain) { Detail = "it does not tell which keys it remembers" };

    private readonly SemaphoreSlim _reading = new(1, 1);
    private LogState? _state;
    private AttemptResult _failure = NoKeyState;
    private long? _readAt;

    /// <returns>Null when the request may be sent; why the API does not tell at present.</returns>
    /// <exception cref="SendException">The key is forgotten, or the log is another one: a repeat looks like a new event.</exception>
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
            ? throw new SendException(SendFailure.CannotResume, $"Sending stopped at line {request.LineNumber(0)}, whose answer was lost: {reason}.")
            : null;
    }

    /// <summary>Notes how far the keys have come, where receipts do not tell: the age of a request is what was known when it was sent first, and a long run
    /// must not look as old as its beginning.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task FollowAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (api.Log.IsShared && await timer.WaitForNextTickAsync(cancellationToken))
        {
            // No answer: the age stays what it was, which is safe.
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
