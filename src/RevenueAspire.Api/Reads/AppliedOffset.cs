using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary>Waits until the ledger has reached a receipt. Thread-safe.</summary>
/// <remarks>One loop polls the database for all callers, and only while a caller waits. Its last result is not kept for later callers:
/// a database that was restored or failed over may have gone back. A stop of the API ends all waiting: what is in flight is to be answered soon.</remarks>
internal sealed partial class AppliedOffset(LedgerReader ledger, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<AppliedOffset> logger)
{
    /// <summary>Callers that wait at once; more are refused as if their time were up.</summary>
    public const int MaxWaiting = 10_000;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan PollIntervalUnavailable = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly HashSet<Waiter> _waiters = [];
    private bool _polling;

    /// <summary>Waits until everything through a record is in the ledger.</summary>
    /// <param name="receipt">The record, of a log that is known here.</param>
    /// <param name="timeout">How long, at most.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>False when the time was up, or the API is stopping.</returns>
    public async Task<bool> WaitAsync(Receipt receipt, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var waiter = new Waiter(receipt);
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
                Guid[] logs;
                lock (_lock)
                {
                    logs = [.. _waiters.Select(waiter => waiter.Receipt.LogId).Distinct()];
                }

                var (applied, interval) = await ReadAsync(logs);
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
            // Nothing awaits this loop: its callers must see the bug, and the next caller must be able to start it again.
            LogPollFailed(logger, exception);
            End(waiter => waiter.Reached.TrySetException(exception));
        }
    }

    private void End(Action<Waiter> complete)
    {
        lock (_lock)
        {
            _polling = false;
            foreach (var waiter in _waiters)
            {
                complete(waiter);
            }
        }
    }

    /// <summary>One read a log: one in all but a few moments, since receipts are of this process's log unless several replicas answer.</summary>
    private async Task<(Dictionary<Guid, long> Applied, TimeSpan Interval)> ReadAsync(Guid[] logs)
    {
        var applied = new Dictionary<Guid, long>(logs.Length);
        try
        {
            foreach (var log in logs)
            {
                // A log that the ledger does not know yet has nothing applied.
                applied[log] = await ledger.FindAppliedThroughAsync(log, lifetime.ApplicationStopping) ?? 0;
            }

            return (applied, PollInterval);
        }
        catch (LedgerUnavailableException)
        {
            // It may come back within the callers' time.
            return (applied, PollIntervalUnavailable);
        }
    }

    private sealed class Waiter(Receipt receipt)
    {
        public TaskCompletionSource<bool> Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Receipt Receipt => receipt;

        public bool TryReach(Dictionary<Guid, long> applied) =>
            applied.TryGetValue(receipt.LogId, out var through) && through > receipt.Offset && Reached.TrySetResult(true);
    }

    [LoggerMessage(EventIds.ProgressNotRead, LogLevel.Error, "Asking the ledger for its progress failed.")]
    private static partial void LogPollFailed(ILogger logger, Exception exception);
}
