using RevenueAspire.Processor.Applying;

namespace RevenueAspire.Processor.Following;

/// <summary>The lease of a log, as known to one follower (rule M2). It only saves work, because each apply is a compare-and-set. Any thread may read
/// <see cref="IsHeld"/>.</summary>
internal sealed class LogLease(ApplyServices services, Guid logId, TimeProvider time)
{
    private readonly Guid _owner = Guid.NewGuid();
    private volatile bool _held;

    /// <summary>Timestamp of the last request; null before the first.</summary>
    public long? Asked { get; private set; }

    /// <summary>The source's applied offset at the last request; null if the database did not contain the source.</summary>
    public long? AppliedThrough { get; private set; }

    /// <summary>Whether the lease was held at the last request.</summary>
    public bool IsHeld => _held;

    /// <summary>Requests the lease, or renews it after a third of its duration. Until then, a held lease counts as held without a request.</summary>
    /// <param name="isIdle">Whether there is nothing to apply. If so, a standby requests the lease only as often as the holder renews it; otherwise at each
    /// call.</param>
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

    /// <summary>Releases the lease, so that another processor can take over at once.</summary>
    public Task ReleaseAsync() => _held ? DatabaseRetry.TryOnceAsync(token => services.Sources.ReleaseAsync(logId, _owner, token)) : Task.CompletedTask;
}
