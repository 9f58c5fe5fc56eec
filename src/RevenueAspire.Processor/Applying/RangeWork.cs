using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Applying;

/// <summary>A frozen range with its aggregate and its lease: ready to merge.</summary>
internal sealed record RangeWork(EventRange Range, SortedUsers Users, IReadOnlyList<RejectedLine> Rejects, RangeLease Lease);
