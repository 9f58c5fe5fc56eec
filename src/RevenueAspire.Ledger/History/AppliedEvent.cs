namespace RevenueAspire.Ledger;

/// <summary>An event of a range, for the history.</summary>
/// <param name="Offset">Offset of its record or line in the source.</param>
/// <param name="Type">Index of its name in <c>EventTypes.Signs</c> (ordinal order).</param>
/// <param name="Value">The value as sent, without the sign of its name.</param>
/// <param name="Time">Server time in milliseconds since 1970-01-01 UTC; <see cref="NoTime"/> for an event of a file.</param>
public readonly record struct AppliedEvent(long Offset, int Type, long Value, long Time)
{
    /// <summary>The time of an event that has none.</summary>
    public const long NoTime = long.MinValue;

    /// <summary>Number of the source where a reader reads several; else 0.</summary>
    public int Source { get; init; }
}
