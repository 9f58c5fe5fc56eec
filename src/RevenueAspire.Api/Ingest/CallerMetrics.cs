using System.Numerics;
using System.Runtime.InteropServices;

namespace RevenueAspire.Api.Ingest;

/// <summary>Counts the requests and events of one caller. Thread-safe.</summary>
/// <param name="caller">Value of the tag <c>caller</c>; null for no tag.</param>
internal sealed class CallerMetrics(string? caller)
{
    private readonly StripedCount _acceptedInBatches = new();
    private readonly StripedCount _batches = new();

    public string? Caller => caller;

    /// <summary>Accepted requests of one event.</summary>
    public StripedCount AcceptedSingly { get; } = new();

    public StripedCount Repeated { get; } = new();

    public StripedCount Rejected { get; } = new();

    public StripedCount Refused { get; } = new();

    /// <summary>Requests over the caller's limit; their bodies are not read.</summary>
    public StripedCount Limited { get; } = new();

    public StripedCount Bytes { get; } = new();

    public void CountAcceptedBatch(long events)
    {
        _acceptedInBatches.Add(events);
        _batches.Add(1);
    }

    /// <summary>All counts. Each is current, but together they are not a consistent snapshot.</summary>
    public IngestCounts Read()
    {
        var singly = AcceptedSingly.Sum;
        return new IngestCounts(singly + _acceptedInBatches.Sum, singly + _batches.Sum, Repeated.Sum, Rejected.Sum, Refused.Sum, Limited.Sum);
    }
}

/// <summary>Events by outcome since the start, and the number of accepted requests.</summary>
internal readonly record struct IngestCounts(long Accepted, long AcceptedRequests, long Repeated, long Rejected, long Refused, long Limited)
{
    public static IngestCounts operator +(in IngestCounts one, in IngestCounts other) => new(
        one.Accepted + other.Accepted, one.AcceptedRequests + other.AcceptedRequests, one.Repeated + other.Repeated, one.Rejected + other.Rejected,
        one.Refused + other.Refused, one.Limited + other.Limited);
}

/// <summary>A sum for concurrent writers: each processor has a separate cache line. Thread-safe.</summary>
internal sealed class StripedCount
{
    private readonly Cell[] _cells = new Cell[BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount)];

    public long Sum
    {
        get
        {
            long sum = 0;
            for (var i = 0; i < _cells.Length; i++)
            {
                sum += Volatile.Read(ref _cells[i].Value);
            }

            return sum;
        }
    }

    public void Add(long value) => Interlocked.Add(ref _cells[Thread.GetCurrentProcessorId() & (_cells.Length - 1)].Value, value);

    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Cell
    {
        public long Value;
    }
}
