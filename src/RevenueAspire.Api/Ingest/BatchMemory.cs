using Microsoft.Extensions.Options;
using RevenueAspire.Api.Configuration;

namespace RevenueAspire.Api.Ingest;

/// <summary>The memory that batches in flight may take together, in bytes. Thread-safe; waiting batches are served in order.</summary>
/// <remarks>A batch takes its reservation before its body is read, so that a hundred large ones queue up as idle connections and not as buffers.</remarks>
internal sealed class BatchMemory(IOptions<ApiOptions> options, TimeProvider time)
{
    /// <summary>Records are no larger than their lines; as much again is for what the process needs besides.</summary>
    private const int MemoryPerBodyByte = 2;

    /// <summary>Buffers of a request besides its records.</summary>
    private const int FixedBytes = 256 << 10;

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private long _free = options.Value.BatchMemoryBytes;

    /// <summary>Bytes of memory for a body of so many bytes.</summary>
    public static long For(long bodyBytes) => FixedBytes + (bodyBytes * MemoryPerBodyByte);

    /// <summary>What one batch needs at most.</summary>
    public static long Largest(int maxBatchBytes) => For(maxBatchBytes);

    /// <summary>Takes a reservation at once, or waits for one.</summary>
    /// <param name="bytes">At most the whole.</param>
    /// <param name="wait">How long.</param>
    /// <param name="cancellationToken">Stops the waiting; nothing is taken then.</param>
    /// <returns>The reservation, to be disposed; null when there was none in time.</returns>
    public async ValueTask<Reservation?> ReserveAsync(long bytes, TimeSpan wait, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (_waiters.Count == 0 && _free >= bytes)
            {
                _free -= bytes;
                return new Reservation(this, bytes);
            }

            waiter = new Waiter(bytes);
            _waiters.AddLast(waiter);
        }

        try
        {
            await waiter.Served.Task.WaitAsync(wait, time, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            if (TryRemove(waiter))
            {
                return exception is TimeoutException ? null : throw new OperationCanceledException(cancellationToken);
            }

            // It was served just now. A caller that has disconnected disposes of it at once.
        }

        return new Reservation(this, bytes);
    }

    private bool TryRemove(Waiter waiter)
    {
        lock (_lock)
        {
            if (!_waiters.Remove(waiter))
            {
                return false;
            }

            // Others may have waited only behind this one.
            Serve();
            return true;
        }
    }

    private bool TryTake(long bytes)
    {
        lock (_lock)
        {
            if (_free < bytes)
            {
                return false;
            }

            _free -= bytes;
            return true;
        }
    }

    private void GiveBack(long bytes)
    {
        lock (_lock)
        {
            _free += bytes;
            Serve();
        }
    }

    private void Serve()
    {
        while (_waiters.First is { } first && first.Value.Bytes <= _free)
        {
            _free -= first.Value.Bytes;
            _waiters.RemoveFirst();
            first.Value.Served.SetResult();
        }
    }

    private sealed record Waiter(long Bytes)
    {
        public TaskCompletionSource Served { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The memory of one batch. Not thread-safe.</summary>
    public sealed class Reservation(BatchMemory memory, long bytes) : IDisposable
    {
        private long _bytes = bytes;

        /// <summary>Enlarges the reservation to what a body of so many bytes needs, without waiting: a batch that holds memory never waits for more, so there
        /// is no deadlock.</summary>
        public bool TryGrowTo(long bodyBytes)
        {
            var missing = For(bodyBytes) - _bytes;
            if (missing <= 0)
            {
                return true;
            }

            if (!memory.TryTake(missing))
            {
                return false;
            }

            _bytes += missing;
            return true;
        }

        public void Dispose()
        {
            memory.GiveBack(_bytes);
            _bytes = 0;
        }
    }
}
