namespace RevenueAspire.EventLog;

/// <summary>Which idempotency keys are remembered: those of keyed records from a position on, in the order in which they became known.</summary>
/// <param name="Id">Whose positions these are: they compare only under the same id.</param>
/// <param name="From">Keys at or behind this position are remembered (0 while none was forgotten).</param>
/// <param name="Through">Position behind everything that is known so far.</param>
public readonly record struct KeyMemory(Guid Id, long From, long Through);
