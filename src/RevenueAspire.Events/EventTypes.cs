namespace RevenueAspire.Events;

/// <summary>The names of events that count, each with the sign of its value. Immutable and thread-safe.</summary>
public sealed class EventTypes
{
    /// <summary><c>add_revenue</c> (+1) and <c>subtract_revenue</c> (-1).</summary>
    public static EventTypes Default { get; } = null!;

    /// <summary>Builds a set from configuration. Names are 1 to 128 bytes of UTF-8, compared byte by byte; signs are 1 or -1.</summary>
    /// <exception cref="ArgumentException">Empty set, bad name, or a sign other than 1 and -1; the message names the entry.</exception>
    public static EventTypes Create(IEnumerable<KeyValuePair<string, int>> signs) => throw new NotImplementedException();

    /// <summary>SHA-256 (32 bytes) over the sorted names and signs and <see cref="EventParser.Version"/>: two processors with the same
    /// fingerprint fold the same bytes to the same sums.</summary>
    public ReadOnlyMemory<byte> Fingerprint { get; }

    /// <summary>Names in ordinal order, with their signs.</summary>
    public IReadOnlyDictionary<string, int> Signs { get; } = null!;

    /// <summary>Finds the sign of a name given as unescaped UTF-8.</summary>
    public bool TryGetSign(ReadOnlySpan<byte> name, out int sign) => throw new NotImplementedException();
}
