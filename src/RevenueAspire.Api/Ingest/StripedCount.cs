using System.Runtime.InteropServices;

namespace RevenueAspire.Api.Ingest;

/// <summary>A sum for concurrent writers: each processor has a separate cache line. Thread-safe.</summary>
internal sealed class StripedCount
{
    private readonly Cell[] _cells = new Cell[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount)];

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
