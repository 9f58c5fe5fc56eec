namespace RevenueAspire.Processor.Aggregation;

/// <summary>Bytes of a log that are damaged or missing.</summary>
/// <param name="From">First byte.</param>
/// <param name="Through">Exclusive end.</param>
/// <param name="Reason">For people.</param>
internal readonly record struct UnreadableStretch(long From, long Through, string Reason);
