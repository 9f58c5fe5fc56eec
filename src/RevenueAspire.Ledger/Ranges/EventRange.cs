namespace RevenueAspire.Ledger;

/// <summary>A row of <c>event_range</c> that this owner holds.</summary>
/// <param name="Id">Random uuid made by the claimer.</param>
/// <param name="SourceId">The source.</param>
/// <param name="From">First byte: the beginning of a line.</param>
/// <param name="To">End as claimed: the beginning of a line, or the source's end. Once frozen: the frozen end.</param>
/// <param name="Frozen">What was frozen before the first merge, or null: then nothing of it is merged.</param>
public sealed record EventRange(Guid Id, Guid SourceId, long From, long To, FrozenRange? Frozen);
