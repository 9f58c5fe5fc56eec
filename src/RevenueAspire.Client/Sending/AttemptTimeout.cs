namespace RevenueAspire.Client.Sending;

/// <summary>The time limit of one attempt after another. One for each worker: a new token source for each of many thousand requests a second would cost more
/// than its attempt's headers.</summary>
/// <param name="limit">Of one attempt.</param>
/// <param name="abort">Breaks any attempt off.</param>
internal sealed class AttemptTimeout(TimeSpan limit, CancellationToken abort) : IDisposable
{
    private CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(abort);

    /// <summary>Begins an attempt.</summary>
    /// <returns>Cancelled when its time is up, or by the abort.</returns>
    public CancellationToken Start()
    {
        _source.CancelAfter(limit);
        return _source.Token;
    }

    /// <summary>Ends an attempt, so that its time-out cannot meet the next one.</summary>
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
