namespace RevenueAspire.Ledger;

/// <summary>An event of a range, for the history.</summary>
/// <param name="Offset">Offset of its record or line in the source.</param>
/// <param name="Type">Index of its name in <c>EventTypes.Signs</c> (ordinal order).</param>
/// <param name="Value">The value as sent, before the sign of the event's name is applied.</param>
/// <param name="Time">Server time in milliseconds since 1970-01-01 UTC; <see cref="NoTime"/> for an event of a file.</param>
public readonly record struct AppliedEvent(long Offset, int Type, long Value, long Time)
{
    /// <summary>Means that the event has no time.</summary>
    public const long NoTime = long.MinValue;

    /// <summary>Number of the source if a reader reads several sources; otherwise 0.</summary>
    public int Source { get; init; }
}
