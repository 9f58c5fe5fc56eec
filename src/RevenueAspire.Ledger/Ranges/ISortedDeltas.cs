using System.Numerics;

namespace RevenueAspire.Ledger;

/// <summary>Unique users in ascending byte order of their ids (the database's <c>COLLATE "C"</c>), each with the sum to add to its revenue. They are in memory
/// or on disk. Thread-safe.</summary>
public interface ISortedDeltas
{
    /// <summary>Returns whether the users include this one.</summary>
    /// <param name="userId">UTF-8, 1 to 256 bytes.</param>
    /// <exception cref="IOException">The disk failed.</exception>
    bool Contains(ReadOnlySpan<byte> userId);

    /// <summary>Reads the users after a key.</summary>
    /// <param name="key">Exclusive; empty for all users.</param>
    /// <exception cref="IOException">The disk failed.</exception>
    IDeltaReader ReadAfter(ReadOnlySpan<byte> key);
}

/// <summary>Reads users in ascending order. Not thread-safe.</summary>
public interface IDeltaReader
{
    /// <summary>UTF-8, 1 to 256 bytes. Valid until the next <see cref="Read"/>.</summary>
    ReadOnlySpan<byte> UserId { get; }

    /// <summary>Sum of the user's events. A user with sum zero also gets a row.</summary>
    Int128 Delta { get; }

    /// <summary>Moves to the next user; false at the end.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    bool Read();

    /// <summary>Moves to the user's next event, in ascending order of offsets. Returns false at the end, and always false if the range was aggregated without
    /// its events.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    bool ReadEvent(out AppliedEvent applied)
    {
        applied = default;
        return false;
    }
}

/// <summary>Extends <see cref="ISortedDeltas"/>.</summary>
public static class SortedDeltas
{
    /// <summary>Adds up the sums of all users. The result can have any size.</summary>
    public static BigInteger Sum(this ISortedDeltas deltas)
    {
        ArgumentNullException.ThrowIfNull(deltas);
        var (sum, part) = (BigInteger.Zero, (Int128)0);
        for (var users = deltas.ReadAfter([]); users.Read();)
        {
            var delta = users.Delta;
            var next = unchecked(part + delta);
            if (((part ^ next) & (delta ^ next)) < 0)
            {
                // The part would overflow 128 bits. Sums of real events never do.
                (sum, next) = (sum + part, delta);
            }

            part = next;
        }

        return sum + part;
    }
}
