using RevenueAspire.Client.Http;

namespace RevenueAspire.Client.Sending;

/// <summary>Waits for the API and queries its log's state.</summary>
internal static class LogStateQuery
{
    /// <returns>The state, or null if this API does not report it.</returns>
    /// <exception cref="SendException">No answer in time, a permanent error, or the API remembers too few keys for a safe retry.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public static async Task<LogState?> WaitAsync(ApiConnection api, SendSettings settings, ISendObserver observer, TimeProvider time, CancellationToken stop)
    {
        LogState? state = null;
        var retries = new RetryPolicy(settings.StartPatience, answer => observer.Waiting($"{api.Url}: {answer.Detail}"), time);
        var answer = await retries.RetryAsync(await AskAsync(), AskAsync, stop);
        switch (answer.Kind)
        {
            case AttemptOutcome.Unauthorized:
                throw SendException.Unauthorized(api, answer);
            case AttemptOutcome.TryAgain when answer.IsUnsent:
                throw new SendException(SendFailure.ApiAway, $"There is no token for {api.Url}: {answer.Detail}.");
            case AttemptOutcome.TryAgain:
                throw new SendException(
                    SendFailure.ApiAway, $"No API answers at {api.Url} ({answer.Detail}). Start it, or name its address with --url or Client:Url.");
            case AttemptOutcome.Impossible:
                throw new SendException(SendFailure.Refused, $"Nothing can be sent to {api.Url}: {answer.Detail}.");
        }

        if (state is { } known)
        {
            if (known.KeyWindow < settings.Concurrency)
            {
                throw new SendException(
                    SendFailure.Refused,
                    $"The API at {api.Url} remembers the keys of only {known.KeyWindow} requests (EventLog:KeyWindow), but {settings.Concurrency} would be "
                    + "in flight: a retry could count lines twice. Raise the API's EventLog:KeyWindow, or lower --concurrency.");
            }

            api.Log.Note(known);
        }

        return state;

        async ValueTask<AttemptResult> AskAsync()
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
            timeout.CancelAfter(settings.RequestTimeout);
            try
            {
                (state, var failure) = await api.GetLogStateAsync(timeout.Token);
                return failure ?? AttemptResult.OneAccepted;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                return ConnectionErrors.Judge(exception);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                return new AttemptResult(AttemptOutcome.TryAgain) { Detail = $"no answer within {settings.RequestTimeout.TotalSeconds:0} s" };
            }
        }
    }
}
