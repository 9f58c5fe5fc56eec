using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>Users in ascending order of the bytes of their ids (the database's <c>COLLATE "C"</c>), each once, with the sum to add to their revenue.</summary>
/// <remarks>The ledger only reads it, from one thread at a time for a given index range.</remarks>
public interface ISortedDeltas
{
    /// <summary>Number of users.</summary>
    int Count { get; }

    /// <summary>UTF-8, 1 to 256 bytes.</summary>
    ReadOnlySpan<byte> UserId(int index);

    /// <summary>Sum of the user's events; may be zero (the user then still gets a row).</summary>
    Int128 Delta(int index);
}

/// <summary>What a source's running sum needs to know of an aggregate.</summary>
public static class SortedDeltas
{
    /// <summary>Sum of all users, of any size.</summary>
    public static BigInteger Sum(this ISortedDeltas deltas)
    {
        ArgumentNullException.ThrowIfNull(deltas);
        var (sum, part) = (BigInteger.Zero, (Int128)0);
        for (var index = 0; index < deltas.Count; index++)
        {
            var delta = deltas.Delta(index);
            var next = unchecked(part + delta);
            if (((part ^ next) & (delta ^ next)) < 0)
            {
                // It would not fit; sums of events do not come here.
                (sum, next) = (sum + part, delta);
            }

            part = next;
        }

        return sum + part;
    }
}
