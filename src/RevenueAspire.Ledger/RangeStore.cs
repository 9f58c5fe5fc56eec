using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Claims, freezes, merges and folds ranges, and applies live traffic (rules M2 to M8). Thread-safe.</summary>
/// <remarks>Each call is one short transaction that is safe to repeat: after an error in doubt, read the state again (M6). Errors as in <see cref="SourceRegistry"/>.</remarks>
public sealed class RangeStore(NpgsqlDataSource database)
{
    /// <summary>Ranges of one source that may be open (not folded) at once.</summary>
    public const int MaxOpenRanges = 64;

    /// <summary>Claims [from, to) by compare-and-set on claimed_through; null when somebody was faster or too many ranges are open.</summary>
    public Task<EventRange?> TryClaimAsync(Guid sourceId, long from, long to, Guid owner, TimeSpan lease, CancellationToken cancellationToken) => throw new NotImplementedException($"{database}");

    /// <summary>Takes over the first unfinished range of a source whose lease is free, ended, or ends too far ahead; null when there is none.</summary>
    public Task<EventRange?> TryTakeOverAsync(Guid sourceId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Renews the lease of a range; false when it now belongs to somebody else or is gone.</summary>
    public Task<bool> TryRenewAsync(Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Gives a range back so that another may take it at once.</summary>
    public Task ReleaseAsync(Guid rangeId, Guid owner, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Freezes a range (M4) by compare-and-set; where the frozen end is before the claimed one, the rest becomes a free range of its own in the same transaction.</summary>
    /// <returns>The range as it is frozen now: this caller's values, or null when another was faster (throw the aggregate away).</returns>
    public Task<EventRange?> TryFreezeAsync(EventRange range, FrozenRange frozen, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Reads a range with its parts again; null when it is folded (gone).</summary>
    public Task<EventRange?> FindAsync(Guid rangeId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Merges one part from its watermark to its upper key in batches (M5): each one statement, one short transaction, in key order.</summary>
    /// <param name="rangeId">The range, frozen.</param>
    /// <param name="part">The part as read; merging starts behind its watermark.</param>
    /// <param name="deltas">All users of the range.</param>
    /// <param name="batchRows">Users a statement.</param>
    /// <param name="cancellationToken">Stops between statements, or in doubt.</param>
    /// <returns>True when the part is merged to its upper key; false when its watermark moved under this caller's feet (somebody else merges it) or is gone: read again.</returns>
    public Task<bool> MergePartAsync(Guid rangeId, RangePart part, ISortedDeltas deltas, int batchRows, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Merges the rejects behind the watermark (M8), in order of offset. True when all are merged.</summary>
    public Task<bool> MergeRejectsAsync(Guid sourceId, Guid rangeId, long mergedThrough, IReadOnlyList<RejectedLine> rejects, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Folds the source's finished ranges that follow applied_through without a gap (M7): moves applied_through, makes line numbers absolute, deletes the ranges.</summary>
    /// <param name="sourceId">The source.</param>
    /// <param name="tailHash">Gives the hash of rule M11 for a new applied_through: SHA-256 of the last up to 4096 bytes before it.</param>
    /// <param name="cancellationToken">Cancels before the commit.</param>
    public Task<FoldResult> FoldAsync(Guid sourceId, Func<long, ReadOnlyMemory<byte>> tailHash, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Applies a small range of a log in one statement (M2): moves applied_through and claimed_through from <paramref name="from"/> to <paramref name="to"/> if both are still there,
    /// stores the rejects and upserts the sums.</summary>
    /// <returns>False when the offsets were elsewhere: nothing was changed, read the source again.</returns>
    public Task<bool> TryApplyAsync(
        Guid sourceId, long from, long to, ISortedDeltas deltas, IReadOnlyList<RejectedLine> rejects, long lines, long events,
        ReadOnlyMemory<byte> tailHash, CancellationToken cancellationToken) => throw new NotImplementedException();
}
