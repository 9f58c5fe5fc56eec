using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Claims, freezes, merges and folds ranges, and applies live traffic (rules M2 to M8). Thread-safe.</summary>
/// <remarks>Each call is one short transaction that is safe to repeat: after an error in doubt, read the state again (M6). Errors as in <see cref="SourceRegistry"/>.</remarks>
public sealed class RangeStore(NpgsqlDataSource database)
{
    /// <summary>Ranges of one source that may be open (not folded) at once; the rest of a range that ended early may come on top.</summary>
    public const int MaxOpenRanges = 64;

    /// <summary>Claims [from, to) by compare-and-set on claimed_through; null when somebody was faster or too many ranges are open.</summary>
    /// <param name="sourceId">The source.</param>
    /// <param name="from">Where claimed_through stands: the beginning of a line.</param>
    /// <param name="to">The beginning of a line, or the source's end, when its last line is complete or counted as it is.</param>
    /// <param name="owner">Who claims.</param>
    /// <param name="lease">Length from now; all processors should use the same.</param>
    /// <param name="cancellationToken">Cancels. A claim whose answer is lost may stand: it is taken over when its lease ends.</param>
    public Task<EventRange?> TryClaimAsync(Guid sourceId, long from, long to, Guid owner, TimeSpan lease, CancellationToken cancellationToken) =>
        RangeClaims.TryClaimAsync(database, sourceId, from, to, owner, lease, cancellationToken);

    /// <summary>Takes over the first unfinished range of a source whose lease is free, ended, or ends too far ahead; null when there is none.</summary>
    /// <remarks>A range of which everything is merged is not unfinished: it needs <see cref="FoldAsync"/>, by anyone.</remarks>
    public Task<EventRange?> TryTakeOverAsync(Guid sourceId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) =>
        RangeClaims.TryTakeOverAsync(database, sourceId, owner, lease, long.MaxValue, cancellationToken);

    /// <inheritdoc cref="TryTakeOverAsync(Guid, Guid, TimeSpan, CancellationToken)"/>
    /// <param name="before">Only ranges that begin before this offset: what the caller can read of the source.</param>
    public Task<EventRange?> TryTakeOverAsync(Guid sourceId, Guid owner, TimeSpan lease, long before, CancellationToken cancellationToken) =>
        RangeClaims.TryTakeOverAsync(database, sourceId, owner, lease, before, cancellationToken);

    /// <summary>Reads a source and whether there is anything to do in it, in one statement that writes nothing: for whoever waits for others. Null when the source is unknown.</summary>
    /// <param name="sourceId">The source.</param>
    /// <param name="before">Only free ranges that begin before this offset count.</param>
    /// <param name="lease">As in <see cref="TryTakeOverAsync(Guid, Guid, TimeSpan, long, CancellationToken)"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<SourceLook?> LookAsync(Guid sourceId, long before, TimeSpan lease, CancellationToken cancellationToken) =>
        SourceLook.LookAsync(database, sourceId, before, lease, cancellationToken);

    /// <summary>Renews the lease of a range; false when it now belongs to somebody else or is gone.</summary>
    public Task<bool> TryRenewAsync(Guid rangeId, Guid owner, TimeSpan lease, CancellationToken cancellationToken) =>
        RangeClaims.TryRenewAsync(database, rangeId, owner, lease, cancellationToken);

    /// <summary>Gives a range back so that another may take it at once.</summary>
    public Task ReleaseAsync(Guid rangeId, Guid owner, CancellationToken cancellationToken) =>
        RangeClaims.ReleaseAsync(database, rangeId, owner, cancellationToken);

    /// <summary>Freezes a range (M4) by compare-and-set; where the frozen end is before the claimed one, the rest becomes a free range of its own in the same transaction.</summary>
    /// <returns>The range as it is frozen now: this caller's values, or null when another was faster (throw the aggregate away).</returns>
    /// <exception cref="ArgumentException">The end is not within the range, or the parts do not ascend.</exception>
    public Task<EventRange?> TryFreezeAsync(EventRange range, FrozenRange frozen, CancellationToken cancellationToken) =>
        RangeFreeze.TryFreezeAsync(database, range, frozen, cancellationToken);

    /// <summary>Reads a range with its parts again; null when it is folded (gone).</summary>
    public async Task<EventRange?> FindAsync(Guid rangeId, CancellationToken cancellationToken)
    {
        await using var find = database.CreateCommand($"{RangeRows.Select} where r.range_id = $1");
        find.Parameters.Add(WriteBatch.Parameter(rangeId));
        return await RangeRows.SingleAsync(find, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Merges one part from its watermark to its upper key in batches (M5): each one statement, one short transaction, in key order.</summary>
    /// <remarks>
    /// An error goes to the caller, also one that leaves the last batch's commit in doubt (M6): read the range again and call again with the part as it then is.
    /// Its watermark says what is merged, even if that is less than was merged once (a database that crashed may have lost asynchronous commits, sums and watermark together).
    /// </remarks>
    /// <param name="rangeId">The range, frozen.</param>
    /// <param name="part">The part as read; merging starts behind its watermark.</param>
    /// <param name="deltas">All users of the range.</param>
    /// <param name="batchRows">Users a statement.</param>
    /// <param name="cancellationToken">Stops between statements, or in doubt.</param>
    /// <returns>True when the part is merged to its upper key; false when its watermark moved under this caller's feet (somebody else merges it) or is gone: read again.</returns>
    /// <exception cref="InvalidOperationException">The users are not those that the part was frozen with.</exception>
    /// <exception cref="LedgerException">The ledger was emptied from outside: nothing was merged.</exception>
    public Task<bool> MergePartAsync(Guid rangeId, RangePart part, ISortedDeltas deltas, int batchRows, CancellationToken cancellationToken) =>
        PartMerge.MergeAsync(database, rangeId, part, deltas, batchRows, cancellationToken);

    /// <summary>Merges the rejects behind the watermark (M8), in order of offset. True when all are merged.</summary>
    /// <param name="sourceId">The source.</param>
    /// <param name="rangeId">The range, frozen.</param>
    /// <param name="mergedThrough">The rejects' watermark as read.</param>
    /// <param name="rejects">All rejected lines of the range, ascending by offset.</param>
    /// <param name="cancellationToken">Stops between statements, or in doubt.</param>
    /// <returns>True when all are merged; false when the watermark moved under this caller's feet: read again.</returns>
    /// <exception cref="InvalidOperationException">The lines are not those that the range was frozen with.</exception>
    public Task<bool> MergeRejectsAsync(Guid sourceId, Guid rangeId, long mergedThrough, IReadOnlyList<RejectedLine> rejects, CancellationToken cancellationToken) =>
        RejectMerge.MergeAsync(database, sourceId, rangeId, mergedThrough, rejects, cancellationToken);

    /// <summary>Folds the source's finished ranges that follow applied_through without a gap (M7): moves applied_through, makes line numbers absolute, deletes the ranges.</summary>
    /// <param name="sourceId">The source.</param>
    /// <param name="tailHash">Gives the hash of rule M11 for a new applied_through: SHA-256 of the last up to 4096 bytes before it. Called outside of any transaction.</param>
    /// <param name="cancellationToken">Cancels before the commit.</param>
    /// <exception cref="InvalidOperationException">The source is unknown.</exception>
    public Task<FoldResult> FoldAsync(Guid sourceId, Func<long, ReadOnlyMemory<byte>> tailHash, CancellationToken cancellationToken) =>
        RangeFold.FoldAsync(database, sourceId, tailHash, cancellationToken);

    /// <summary>Applies a small range of a log in one statement (M2): moves applied_through and claimed_through from <paramref name="from"/> to <paramref name="to"/> if both are still there,
    /// stores the rejects and upserts the sums.</summary>
    /// <param name="sourceId">The source.</param>
    /// <param name="from">Where applied_through and claimed_through stand.</param>
    /// <param name="to">Exclusive end.</param>
    /// <param name="deltas">Users and sums of [from, to).</param>
    /// <param name="rejects">Rejected lines of [from, to), ascending by offset, lines counted from 0 at <paramref name="from"/>.</param>
    /// <param name="lines">Lines in [from, to).</param>
    /// <param name="events">Events in [from, to).</param>
    /// <param name="tailHash">SHA-256 of the last up to 4096 bytes before <paramref name="to"/> (M11).</param>
    /// <param name="cancellationToken">Cancels; the range is then applied wholly or not at all, and the source says which (M6).</param>
    /// <returns>False when the offsets were elsewhere: nothing was changed, read the source again.</returns>
    /// <exception cref="LedgerException">The ledger was emptied from outside: nothing was changed.</exception>
    public Task<bool> TryApplyAsync(
        Guid sourceId, long from, long to, ISortedDeltas deltas, IReadOnlyList<RejectedLine> rejects, long lines, long events,
        ReadOnlyMemory<byte> tailHash, CancellationToken cancellationToken) =>
        TryApplyAsync(sourceId, from, to, deltas, rejects, lines, events, tailHash, default, null, cancellationToken);

    /// <inheritdoc cref="TryApplyAsync(Guid, long, long, ISortedDeltas, IReadOnlyList{RejectedLine}, long, long, ReadOnlyMemory{byte}, CancellationToken)"/>
    /// <param name="typesHash">Fingerprint of the event types and the parser's version that [from, to) was folded with: kept for verify.</param>
    /// <param name="tailBefore">The source's <see cref="EventSource.TailHash"/> that the caller compared with its own bytes (M11): the range is applied only where the ledger still has it. Null: not compared.</param>
    public Task<bool> TryApplyAsync(
        Guid sourceId, long from, long to, ISortedDeltas deltas, IReadOnlyList<RejectedLine> rejects, long lines, long events,
        ReadOnlyMemory<byte> tailHash, ReadOnlyMemory<byte> typesHash, ReadOnlyMemory<byte>? tailBefore, CancellationToken cancellationToken) =>
        LiveApply.TryApplyAsync(database, sourceId, from, to, deltas, rejects, lines, events, tailHash, typesHash, tailBefore, cancellationToken);
}
