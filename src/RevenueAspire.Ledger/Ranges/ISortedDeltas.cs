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
