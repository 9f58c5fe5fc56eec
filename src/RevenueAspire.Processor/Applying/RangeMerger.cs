using Npgsql;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Applying;

/// <summary>Merges the parts and the rejects of a frozen range in parallel, with one connection each (rules M5, M6, M8). Thread-safe.</summary>
internal sealed class RangeMerger(NpgsqlDataSource database, DatabaseRetry retry, ProcessorOptions options)
{
    /// <summary>Merges all unmerged parts and rejects. Completes when this processor or another has merged everything.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, or the lease was lost.</exception>
    public async Task MergeAsync(
        EventRange range, ISortedDeltas users, IReadOnlyList<RejectedLine> rejects, HistoryWriter? history, RangeLease lease)
    {
        // The first failure stops the other parts between two statements, so the range is released at once.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(lease.Work);
        var parts = range.Frozen!.Parts.Select(part => StopOthersAsync(MergePartAsync(range, part.Index, users, history, lease, stop.Token), stop));
        await Task.WhenAll([.. parts, StopOthersAsync(MergeRejectsAsync(range, rejects, lease, stop.Token), stop)]).ConfigureAwait(false);
    }

    private static async Task StopOthersAsync(Task merging, CancellationTokenSource stop)
    {
        try
        {
            await merging.ConfigureAwait(false);
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private Task MergePartAsync(
        EventRange range, int index, ISortedDeltas users, HistoryWriter? history, RangeLease lease, CancellationToken cancellationToken) =>
        UntilMergedAsync(
            range,
            async (frozen, token) =>
            {
                var part = frozen.Parts[index];
                return part.MergedThrough.Span.SequenceEqual(part.UpperKey.Span)
                    || await PartMerge.MergeAsync(database, range.Id, part, users, options.MergeBatchRows, history, token).ConfigureAwait(false);
            },
            lease,
            cancellationToken);

    private Task MergeRejectsAsync(EventRange range, IReadOnlyList<RejectedLine> rejects, RangeLease lease, CancellationToken cancellationToken) =>
        UntilMergedAsync(
            range,
            async (frozen, token) => frozen.RejectsMergedThrough >= frozen.LastRejectOffset
                || await RejectMerge.MergeAsync(database, range.SourceId, range.Id, frozen.RejectsMergedThrough, rejects, token).ConfigureAwait(false),
            lease,
            cancellationToken);

    /// <summary>Merges from the known watermark. After an error, or after another processor moved the watermark, reads it again from the database (rule
    /// M6).</summary>
    private async Task UntilMergedAsync(
        EventRange range, Func<FrozenRange, CancellationToken, Task<bool>> merge, RangeLease lease, CancellationToken cancellationToken)
    {
        var frozen = range.Frozen;
        var merged = false;
        while (!merged)
        {
            merged = await retry.RunAsync(
                async token =>
                {
                    var from = frozen ?? (await RangeClaims.FindAsync(database, range.Id, token).ConfigureAwait(false))?.Frozen;
                    frozen = null;

                    // A missing range was closed, and a close requires that all parts are merged.
                    return from is null || await merge(from, token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            if (!merged && !await retry.RunAsync(token => lease.IsHeldAsync(options.Lease, token), cancellationToken).ConfigureAwait(false))
            {
                throw new OperationCanceledException(lease.Work);
            }
        }
    }
}
