namespace RevenueAspire.Api.Ingest;

/// <summary>A token bucket that may go into debt. While it has at least one token, it grants any number of tokens. Then it refuses until the debt is paid off.
/// In the long run, it grants exactly its rate. Thread-safe.</summary>
/// <remarks>The framework's bucket never grants more than its size at once, so it would refuse a larger batch forever. It also needs a timer to
/// refill.</remarks>
/// <param name="perSecond">Tokens added per second, above 0.</param>
/// <param name="burst">Maximum number of tokens; the bucket starts full.</param>
internal sealed class DebtBucket(double perSecond, double burst, TimeProvider time)
{
    private readonly Lock _gate = new();
    private double _missing;
    private long _filledAt = time.GetTimestamp();

    /// <summary>Time since the bucket became full; negative while it is not full. A full bucket is equivalent to a new one.</summary>
    public TimeSpan IdleTime
    {
        get
        {
            lock (_gate)
            {
                return time.GetElapsedTime(_filledAt) - TimeSpan.FromSeconds(_missing / perSecond);
            }
        }
    }

    /// <summary>Takes a token if the bucket has one.</summary>
    /// <returns>Null on success, otherwise the time until the bucket has a token.</returns>
    public TimeSpan? TryTake()
    {
        lock (_gate)
        {
            Fill();
            if (_missing + 1 - burst is > 0 and var beyond)
            {
                return TimeSpan.FromSeconds(beyond / perSecond);
            }

            _missing++;
            return null;
        }
    }

    /// <summary>Takes tokens, even if the bucket has too few.</summary>
    public void Charge(int tokens)
    {
        lock (_gate)
        {
            Fill();
            _missing += tokens;
        }
    }

    private void Fill()
    {
        var now = time.GetTimestamp();
        _missing = Math.Max(0, _missing - (time.GetElapsedTime(_filledAt, now).TotalSeconds * perSecond));
        _filledAt = now;
    }
}
