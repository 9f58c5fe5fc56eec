using System.Threading.RateLimiting;

namespace RevenueAspire.Api.Ingest;

/// <summary>A token bucket that may go into debt. While it has at least one token, it grants any number of tokens. Then it refuses until the debt is paid off.
/// In the long run, it grants exactly its rate. Thread-safe.</summary>
/// <remarks>The framework's bucket never grants more than its size at once, so it would refuse a larger batch forever. It also needs a timer to
/// refill.</remarks>
/// <param name="perSecond">Tokens added per second, above 0.</param>
/// <param name="burst">Maximum number of tokens; the bucket starts full.</param>
/// <param name="time">The clock for refills.</param>
internal sealed class DebtBucket(double perSecond, double burst, TimeProvider time) : RateLimiter
{
    private static readonly Lease Granted = new(null);
    private readonly Lock _gate = new();
    private double _missing;
    private long _filledAt = time.GetTimestamp();

    /// <summary>Time since the bucket became full; null while it is not full. A full bucket is equivalent to a new one, so the limiter may drop it.</summary>
    public override TimeSpan? IdleDuration
    {
        get
        {
            lock (_gate)
            {
                var idle = time.GetElapsedTime(_filledAt) - TimeSpan.FromSeconds(_missing / perSecond);
                return idle < TimeSpan.Zero ? null : idle;
            }
        }
    }

    public override RateLimiterStatistics? GetStatistics() => null;

    /// <summary>Takes tokens if the bucket has at least one.</summary>
    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        lock (_gate)
        {
            Fill();
            var beyond = _missing + 1 - burst;
            if (beyond > 0)
            {
                return new Lease(TimeSpan.FromSeconds(beyond / perSecond));
            }

            _missing += permitCount;
            return Granted;
        }
    }

    /// <summary>Always takes the tokens, without a wait.</summary>
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Fill();
            _missing += permitCount;
            return new ValueTask<RateLimitLease>(Granted);
        }
    }

    private void Fill()
    {
        var now = time.GetTimestamp();
        _missing = Math.Max(0, _missing - (time.GetElapsedTime(_filledAt, now).TotalSeconds * perSecond));
        _filledAt = now;
    }

    /// <summary>A granted lease has no retry time; a refused lease has one.</summary>
    private sealed class Lease(TimeSpan? retryAfter) : RateLimitLease
    {
        public override bool IsAcquired => retryAfter is null;

        public override IEnumerable<string> MetadataNames => [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = metadataName == MetadataName.RetryAfter.Name ? retryAfter : null;
            return metadata is not null;
        }
    }
}
