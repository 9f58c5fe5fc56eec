namespace RevenueAspire.Ledger;

/// <summary>What a fold moved.</summary>
/// <param name="AppliedThrough">The source's applied offset now.</param>
/// <param name="OpenRanges">Ranges of the source that are not folded yet.</param>
public readonly record struct FoldResult(long AppliedThrough, int OpenRanges);
