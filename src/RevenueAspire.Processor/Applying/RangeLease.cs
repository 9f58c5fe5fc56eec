using Npgsql;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;

namespace RevenueAspire.Processor.Applying;

/// <summary>Renews the lease of a range during the work, and cancels the work if the lease is lost. Otherwise two processors would do the same work, although
/// it would still count only once (rule M3).</summary>
internal sealed class RangeLease : IAsyncDisposable
{
    private readonly NpgsqlDataSource _database;
    private readonly Guid _rangeId;
    private readonly Guid _owner;
    private readonly CancellationTokenSource _work;
    private readonly CancellationTokenSource _renewing = new();
    private readonly Task _renewal;

    private RangeLease(NpgsqlDataSource database, Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        (_database, _rangeId, _owner) = (database, rangeId, owner);
        _work = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _renewal = RenewAsync(lease);
    }

    /// <summary>Starts renewing a newly obtained lease, at intervals of a third of its duration.</summary>
    public static RangeLease Start(NpgsqlDataSource database, Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) =>
        new(database, rangeId, owner, lease, cancellationToken);

    /// <summary>Cancelled when the lease is lost, or with the caller's token.</summary>
    public CancellationToken Work => _work.Token;

    /// <summary>Whether another processor now holds the range.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Set when the range is merged, so that no release is needed.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Renews the lease. If another processor now holds the range, cancels the work and returns false.</summary>
    public async Task<bool> IsHeldAsync(TimeSpan lease, CancellationToken cancellationToken)
    {
        if (!IsLost && !await RangeClaims.TryRenewAsync(_database, _rangeId, _owner, lease, cancellationToken).ConfigureAwait(false))
        {
            IsLost = true;
            await _work.CancelAsync().ConfigureAwait(false);
        }

        return !IsLost;
    }

    /// <summary>Stops renewing, and releases an unfinished range so that another processor can take it over at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await _renewing.CancelAsync().ConfigureAwait(false);
        await _renewal.ConfigureAwait(false);
        if (!IsFinished && !IsLost)
        {
            await DatabaseRetry.TryOnceAsync(token => RangeClaims.ReleaseAsync(_database, _rangeId, _owner, token)).ConfigureAwait(false);
        }

        _renewing.Dispose();
        _work.Dispose();
    }

    private async Task RenewAsync(TimeSpan lease)
    {
        using var timer = new PeriodicTimer(lease / 3);
        try
        {
            while (await timer.WaitForNextTickAsync(_renewing.Token).ConfigureAwait(false))
            {
                try
                {
                    if (!await IsHeldAsync(lease, _renewing.Token).ConfigureAwait(false))
                    {
                        return;
                    }
                }
                catch (Exception exception) when (DatabaseErrors.IsTransient(exception))
                {
                    // Retry at the next tick. If the lease expires before that, compare-and-set still protects the sums.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The work has ended.
        }
    }
}
