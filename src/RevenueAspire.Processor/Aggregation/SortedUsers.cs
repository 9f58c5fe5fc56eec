using System.Runtime.CompilerServices;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The users of a range in order of their bytes. Reads only, from any number of threads, until the tables are cleared.</summary>
internal sealed class SortedUsers(UserSums[] tables, ulong[] records) : ISortedDeltas
{
    private const int Ahead = 12;

    /// <inheritdoc/>
    public int Count => records.Length;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ReadOnlySpan<byte> UserId(int index)
    {
        if (index + Ahead < records.Length)
        {
            // Whoever reads in order finds the next records in the cache: in memory they lie in the order of their insertion.
            tables[(int)(records[index + Ahead] >> 32)].Prefetch((uint)records[index + Ahead]);
        }

        return tables[(int)(records[index] >> 32)].UserId((uint)records[index]);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public Int128 Delta(int index) => tables[(int)(records[index] >> 32)].Sum((uint)records[index]);
}
