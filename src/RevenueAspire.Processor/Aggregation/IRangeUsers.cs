using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>The users of a range in order of their bytes, in memory (<see cref="SortedUsers"/>) or on disk (<see cref="SpilledUsers"/>). Reads only, from any
/// number of threads, until their aggregator is cleared.</summary>
internal interface IRangeUsers : ISortedDeltas
{
    /// <summary>Number of users; an upper bound where <see cref="IsCounted"/> is false.</summary>
    long Count { get; }

    /// <summary>Whether <see cref="Count"/> is exact.</summary>
    bool IsCounted { get; }

    /// <summary>Cuts the users into contiguous slices of about the same size.</summary>
    /// <param name="parts">Slices at most.</param>
    /// <returns>The last user of each slice, in ascending order.</returns>
    IReadOnlyList<byte[]> Split(int parts);
}
