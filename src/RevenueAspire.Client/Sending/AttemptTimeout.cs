namespace RevenueAspire.Client.Sending;

/// <summary>The time limit of a worker's attempts, one at a time. Reused, because a new token source per request would cost more than the request's
/// headers.</summary>
/// <param name="limit">Time limit of one attempt.</param>
/// <param name="abort">Aborts every attempt.</param>
internal sealed class AttemptTimeout(TimeSpan limit, CancellationToken abort) : IDisposable
{
    private CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(abort);

    /// <summary>Starts the time limit of an attempt.</summary>
    /// <returns>A token that is cancelled after the time limit, or by the abort.</returns>
    public CancellationToken Start()
    {
        _source.CancelAfter(limit);
        return _source.Token;
    }

    /// <summary>Ends an attempt, so that its time limit cannot cancel the next one.</summary>
    public void Stop()
    {
        if (!_source.TryReset())
        {
            _source.Dispose();
            _source = CancellationTokenSource.CreateLinkedTokenSource(abort);
        }
    }

    public void Dispose() => _source.Dispose();
}
