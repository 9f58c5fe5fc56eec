using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The users of a range in byte order of their ids, in memory (<see cref="SortedUsers"/>) or on disk (<see cref="SpilledUsers"/>). Read-only and
/// thread-safe until the aggregator is cleared.</summary>
internal interface IRangeUsers : ISortedDeltas
{
    /// <summary>Number of users; an upper bound if <see cref="IsCounted"/> is false.</summary>
    long Count { get; }

    /// <summary>Whether <see cref="Count"/> is exact.</summary>
    bool IsCounted { get; }

    /// <summary>Divides the users into contiguous slices of similar size.</summary>
    /// <param name="parts">Maximum number of slices.</param>
    /// <returns>The last user of each slice, in ascending order.</returns>
    IReadOnlyList<byte[]> Split(int parts);
}
