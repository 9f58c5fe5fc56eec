using Npgsql;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;

namespace RevenueAspire.Processor.Applying;

/// <summary>Keeps the lease of a range while it is worked on, and cancels the work when the lease is lost: it would be done twice, though never counted twice
/// (rule M3).</summary>
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

    /// <summary>Begins to renew a lease that was just taken, at a third of its length.</summary>
    public static RangeLease Start(NpgsqlDataSource database, Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) =>
        new(database, rangeId, owner, lease, cancellationToken);

    /// <summary>Cancelled when the lease is lost, or with the caller's token.</summary>
    public CancellationToken Work => _work.Token;

    /// <summary>Another processor has the range now.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Set when nothing is left to give back.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Asks whether the range is still ours; stops the work when it is not.</summary>
    public async Task<bool> IsHeldAsync(TimeSpan lease, CancellationToken cancellationToken)
    {
        if (!IsLost && !await RangeClaims.TryRenewAsync(_database, _rangeId, _owner, lease, cancellationToken).ConfigureAwait(false))
        {
            IsLost = true;
            await _work.CancelAsync().ConfigureAwait(false);
        }

        return !IsLost;
    }

    /// <summary>Stops renewing, and gives an unfinished range back so that another may take it at once.</summary>
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
                    // The next tick asks again; should the lease end meanwhile, compare-and-set still protects the sums.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The work is over.
        }
    }
}
