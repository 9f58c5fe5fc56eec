using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary>Waits until the ledger has reached an offset of this log. Thread-safe.</summary>
/// <remarks>However many wait, one loop asks the database, and only while somebody waits. What it read last is not remembered for later callers:
/// a database that was restored or failed over may have gone back. A stop of the API ends all waiting: what is in flight is to be answered soon.</remarks>
internal sealed partial class AppliedOffset(LedgerReader ledger, EventLogWriter log, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<AppliedOffset> logger)
{
    /// <summary>Callers that wait at once; more are refused as if their time were up.</summary>
    public const int MaxWaiting = 10_000;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan PollIntervalAway = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly HashSet<Waiter> _waiters = [];
    private bool _polling;

    /// <summary>Waits until everything through the record at an offset is in the ledger.</summary>
    /// <param name="offset">Offset of a record of this log.</param>
    /// <param name="timeout">How long, at most.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>False when the time was up, or the API is stopping.</returns>
    public async Task<bool> WaitAsync(long offset, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var waiter = new Waiter(offset);
        lock (_lock)
        {
            if (_waiters.Count >= MaxWaiting || lifetime.ApplicationStopping.IsCancellationRequested)
            {
                return false;
            }

            _waiters.Add(waiter);
            if (!_polling)
            {
                _polling = true;
                _ = PollAsync();
            }
        }

        try
        {
            return await waiter.Reached.Task.WaitAsync(timeout, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            lock (_lock)
            {
                _waiters.Remove(waiter);
            }
        }
    }

    private async Task PollAsync()
    {
        await Task.Yield();
        try
        {
            while (true)
            {
                var (applied, interval) = await ReadAsync();
                lock (_lock)
                {
                    _waiters.RemoveWhere(waiter => waiter.TryReach(applied));
                    if (_waiters.Count == 0)
                    {
                        _polling = false;
                        return;
                    }
                }

                await Task.Delay(interval, time, lifetime.ApplicationStopping);
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            End(waiter => waiter.Reached.TrySetResult(false));
        }
        catch (Exception exception)
        {
            // Nothing awaits this loop: who waits must learn of the bug, and the next one must be able to start it again.
            LogPollFailed(logger, exception);
            End(waiter => waiter.Reached.TrySetException(exception));
        }
    }

    private void End(Action<Waiter> tell)
    {
        lock (_lock)
        {
            _polling = false;
            foreach (var waiter in _waiters)
            {
                tell(waiter);
            }
        }
    }

    private async Task<(long Applied, TimeSpan Interval)> ReadAsync()
    {
        try
        {
            // A log that the ledger does not know yet has nothing applied.
            return (await ledger.FindAppliedThroughAsync(log.LogId, lifetime.ApplicationStopping) ?? 0, PollInterval);
        }
        catch (LedgerUnavailableException)
        {
            // It may come back within the callers' time.
            return (0, PollIntervalAway);
        }
    }

    private sealed class Waiter(long offset)
    {
        public TaskCompletionSource<bool> Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool TryReach(long applied) => applied > offset && Reached.TrySetResult(true);
    }
}
