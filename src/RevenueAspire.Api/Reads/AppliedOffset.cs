using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Reads;

/// <summary>Waits until the ledger has reached a receipt. Thread-safe.</summary>
/// <remarks>One loop polls the database for all callers, and only while a caller waits. It caches no result, because a restore or a failover can reset the
/// database to an earlier state. When the API stops, all waits end, so that open requests are answered soon.</remarks>
internal sealed partial class AppliedOffset(LedgerReader ledger, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<AppliedOffset> logger)
{
    /// <summary>Maximum number of waiting callers. Further callers immediately get the same answer as after a timeout.</summary>
    public const int MaxWaiting = 10_000;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan PollIntervalUnavailable = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly HashSet<Waiter> _waiters = [];
    private bool _polling;

    /// <summary>Waits until the ledger contains a record and all earlier ones.</summary>
    /// <param name="receipt">The record, of a log that this API knows.</param>
    /// <returns>False after the timeout, or when the API stops.</returns>
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
        catch (Exception exception)
        {
            var isStopping = exception is OperationCanceledException && lifetime.ApplicationStopping.IsCancellationRequested;
            if (!isStopping)
            {
                // No code awaits this loop. So pass the exception to the waiting callers; the next caller starts the loop again.
                LogPollFailed(logger, exception);
            }

            lock (_lock)
            {
                _polling = false;
                foreach (var waiter in _waiters)
                {
                    _ = isStopping ? waiter.Reached.TrySetResult(false) : waiter.Reached.TrySetException(exception);
                }
            }
        }
    }

    /// <summary>One query per log. Usually all receipts belong to one log; with several API replicas there are several.</summary>
    private async Task<(Dictionary<Guid, long> Applied, TimeSpan Interval)> ReadAsync(Guid[] logs)
    {
        var applied = new Dictionary<Guid, long>(logs.Length);
        try
        {
            foreach (var log in logs)
            {
                // A log that the ledger does not know yet has no applied events.
                applied[log] = await ledger.FindAppliedThroughAsync(log, lifetime.ApplicationStopping) ?? 0;
            }

            return (applied, PollInterval);
        }
        catch (LedgerUnavailableException)
        {
            // Keep polling: the database may return before the callers time out.
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

    [LoggerMessage(EventIds.ProgressNotRead, LogLevel.Error, "The ledger's progress could not be read.")]
    private static partial void LogPollFailed(ILogger logger, Exception exception);
}
