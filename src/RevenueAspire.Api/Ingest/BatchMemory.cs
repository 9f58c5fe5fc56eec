using Microsoft.Extensions.Options;
using RevenueAspire.Api.Configuration;

namespace RevenueAspire.Api.Ingest;

/// <summary>The memory shared by all batches in progress, in bytes. Thread-safe; waiting batches are served in order.</summary>
/// <remarks>A batch reserves its memory before its body is read, so a hundred waiting batches hold idle connections, not full buffers.</remarks>
internal sealed class BatchMemory(IOptions<ApiOptions> options, TimeProvider time)
{
    /// <summary>Bytes of memory per byte of a body: one for its record, which is no larger than its line, and one for all other buffers.</summary>
    private const int MemoryPerBodyByte = 2;

    /// <summary>Buffers of a request in addition to its records.</summary>
    private const int FixedBytes = 256 << 10;

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private long _free = options.Value.BatchMemoryBytes;

    /// <summary>Bytes to reserve for a body of the given size.</summary>
    public static long For(long bodyBytes) => FixedBytes + (bodyBytes * MemoryPerBodyByte);

    /// <summary>Reserves memory at once, or waits for it.</summary>
    /// <param name="bytes">At most the total memory for batches.</param>
    /// <param name="cancellationToken">Stops the wait without a reservation.</param>
    /// <returns>The reservation, which the caller must dispose; null on timeout.</returns>
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
            lock (_lock)
            {
                if (_waiters.Remove(waiter))
                {
                    // This waiter may have been the only obstacle for later ones.
                    Serve();
                    return exception is TimeoutException ? null : throw new OperationCanceledException(cancellationToken);
                }
            }

            // The memory was granted at the same moment. If the caller has disconnected, it disposes the reservation at once.
        }

        return new Reservation(this, bytes);
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

        /// <summary>Enlarges the reservation for a body of the given size, or fails without waiting. If batches with reservations waited for more memory, they
        /// could deadlock.</summary>
        public bool TryGrowTo(long bodyBytes)
        {
            lock (memory._lock)
            {
                var missing = Math.Max(0, For(bodyBytes) - _bytes);
                if (memory._free < missing)
                {
                    return false;
                }

                memory._free -= missing;
                _bytes += missing;
                return true;
            }
        }

        public void Dispose()
        {
            lock (memory._lock)
            {
                memory._free += _bytes;
                _bytes = 0;
                memory.Serve();
            }
        }
    }
}
