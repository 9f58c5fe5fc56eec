using RevenueAspire.Processor.Applying;

namespace RevenueAspire.Processor.Following;

/// <summary>The lease of a log, as one follower sees it (rule M2). It saves work only: each apply is a compare-and-set. <see cref="IsHeld"/> may be read by any
/// thread.</summary>
internal sealed class LogLease(ApplyServices services, Guid logId, TimeProvider time)
{
    private readonly Guid _owner = Guid.NewGuid();
    private volatile bool _held;

    /// <summary>Time stamp of the last request; null before the first.</summary>
    public long? Asked { get; private set; }

    /// <summary>Where the source stood when the database was last asked for the lease; null when it did not know the source.</summary>
    public long? AppliedThrough { get; private set; }

    /// <summary>Held when last asked.</summary>
    public bool IsHeld => _held;

    /// <summary>Asks for the lease, or renews it at a third of its length; in between it counts as held.</summary>
    /// <param name="isIdle">Nothing is to be applied: a standby then asks as seldom as the holder renews the lease, else each time.</param>
    /// <param name="cancellationToken">Stops waiting for the database.</param>
    public async Task<bool> HoldAsync(bool isIdle, CancellationToken cancellationToken)
    {
        if (Asked is { } asked && (_held || isIdle) && time.GetElapsedTime(asked) < services.Options.Lease / 3)
        {
            return _held;
        }

        (_held, AppliedThrough) = await services.Retry.RunAsync(
            token => services.Sources.TryLeaseAsync(logId, _owner, services.Options.Lease, token), cancellationToken).ConfigureAwait(false);
        Asked = time.GetTimestamp();
        return _held;
    }

    /// <summary>Gives the lease back, so that another takes over at once.</summary>
    public Task ReleaseAsync() => _held ? DatabaseRetry.TryOnceAsync(token => services.Sources.ReleaseAsync(logId, _owner, token)) : Task.CompletedTask;
}
