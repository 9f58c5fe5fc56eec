using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The users of a range in order of their bytes. Reads only, from any number of threads, until the tables are cleared.</summary>
internal sealed class SortedUsers(UserSums[] tables, ulong[] records) : ISortedDeltas
{
    /// <inheritdoc/>
    public int Count => records.Length;

    /// <inheritdoc/>
    public ReadOnlySpan<byte> UserId(int index) => tables[(int)(records[index] >> 32)].UserId((uint)records[index]);

    /// <inheritdoc/>
    public Int128 Delta(int index) => tables[(int)(records[index] >> 32)].Sum((uint)records[index]);
}
