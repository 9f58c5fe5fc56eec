using Npgsql;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Aggregates a claimed range and freezes it, or compares it with the values that another processor froze (rule M4). Thread-safe.</summary>
internal sealed class RangeFreezer(NpgsqlDataSource database, DatabaseRetry retry, ProcessorOptions options, ProcessorMetrics metrics, SourceReports reports)
{
    /// <summary>Aggregates a range.</summary>
    /// <param name="range">The range, just claimed or taken over.</param>
    /// <param name="reader">The range's source.</param>
    /// <param name="fingerprint">The fingerprint of this processor's parsing rules.</param>
    /// <param name="aggregator">An idle aggregator; it holds the result.</param>
    /// <param name="lease">The range's lease.</param>
    /// <returns>The work to merge, or null if another processor now holds the range.</returns>
    /// <exception cref="SourceStoppedException">Rule M4 or M9: the frozen range cannot be reproduced, or a record's event name is unknown.</exception>
    public async Task<RangeWork?> AggregateAsync(EventRange range, ISourceReader reader, ReadOnlyMemory<byte> fingerprint, RangeAggregator aggregator,
        RangeLease lease)
    {
        if (range.Frozen is { } frozen)
        {
            var again = Reproduce(range, frozen, reader, fingerprint, aggregator, lease.Work);
            return new RangeWork(range, again.Sort(), again.Rejects, lease);
        }

        aggregator.Clear();
        if (range.From > 0)
        {
            // The sort arrays of the previous range are garbage, but the collector would run only after the next ones are allocated. Measured with 400 MB and 4
            // million users, 3 runs each: peak memory was 384, 384 and 409 MB with this call, and 391, 409 and 470 MB without it. CPU time was about the same:
            // 3.5 to 3.7 s, and 3.4 to 3.6 s.
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        }

        var (aggregate, hash) = Aggregate(aggregator, reader, range.From, range.To, limited: true, lease.Work);
        if (aggregate.UnknownNameAt is { } unknown)
        {
            if (unknown == range.From)
            {
                throw UnknownName(reader, unknown);
            }

            // Apply the events before the unknown one. The rest becomes a separate range, which stops the source.
            aggregator.Clear();
            (aggregate, hash) = Aggregate(aggregator, reader, range.From, unknown, limited: true, lease.Work);
        }

        var users = aggregate.Sort();
        var mine = new FrozenRange(
            aggregate.End, hash, fingerprint, aggregate.Lines, aggregate.Events, aggregate.Rejects.Count,
            aggregate.Rejects.Count == 0 ? -1 : aggregate.Rejects[^1].Offset, -1, Slice(users), aggregate.Revenue);
        var held = await FreezeAsync(range, mine, lease).ConfigureAwait(false);
        if (held is null)
        {
            return null;
        }

        reports.Report(reader, aggregate);
        return new RangeWork(held, users, aggregate.Rejects, lease);
    }

    /// <summary>Creates the error for an unknown event name (rule M9).</summary>
    public static SourceStoppedException UnknownName(ISourceReader reader, long offset) => new(
        $"{reader.Name}: the record at offset {offset} has an event name that the API accepted but this processor does not know. "
        + "Give the processor the EventTypes settings of the API and restart it. Until then, no later events are applied.");

    private static RangeAggregate Reproduce(
        EventRange range, FrozenRange frozen, ISourceReader reader, ReadOnlyMemory<byte> fingerprint, RangeAggregator aggregator,
        CancellationToken cancellationToken)
    {
        if (!frozen.TypesHash.Span.SequenceEqual(fingerprint.Span))
        {
            throw new SourceStoppedException(
                $"{reader.Name}: bytes {range.From} to {frozen.End} were started with different EventTypes, Processor:MaxLineBytes or program version. "
                    + "Finish them with the original ones first.");
        }

        aggregator.Clear();
        var (aggregate, hash) = Aggregate(aggregator, reader, range.From, frozen.End, limited: false, cancellationToken);
        return hash.Span.SequenceEqual(frozen.BytesHash.Span)
            ? aggregate
            : throw new SourceStoppedException(
                $"{reader.Name}: bytes {range.From} to {frozen.End} changed after their merge started. Put the original bytes back.");
    }

    /// <summary>Aggregates, and returns the hash of the bytes. If a file is a single range, its hash is already known.</summary>
    private static (RangeAggregate Aggregate, ReadOnlyMemory<byte> Hash) Aggregate(
        RangeAggregator aggregator, ISourceReader reader, long from, long to, bool limited, CancellationToken cancellationToken)
    {
        var known = reader.FindHash(from, to);
        var aggregate = aggregator.Aggregate(reader, from, to, limited, hashed: known.IsEmpty, cancellationToken);
        return (aggregate, known.IsEmpty ? aggregate.BytesHash
            : aggregate.End == to ? known
            : FileDigests.Compute(reader, [aggregate.End], cancellationToken)[0].Sha256);
    }

    private async Task<EventRange?> FreezeAsync(EventRange range, FrozenRange mine, RangeLease lease)
    {
        if (await retry.RunAsync(token => RangeFreeze.TryFreezeAsync(database, range, mine, token), lease.Work).ConfigureAwait(false) is { } frozen)
        {
            metrics.CountEvents(mine.Events, mine.Rejects);
            return frozen;
        }

        // Another processor was faster, or the answer to this call was lost. If the frozen values match this aggregate and this processor still holds the
        // range, continue.
        var found = await retry.RunAsync(token => RangeClaims.FindAsync(database, range.Id, token), lease.Work).ConfigureAwait(false);
        return found?.Frozen is { } theirs
            && theirs.End == mine.End && theirs.BytesHash.Span.SequenceEqual(mine.BytesHash.Span) && theirs.TypesHash.Span.SequenceEqual(mine.TypesHash.Span)
            && await retry.RunAsync(token => lease.IsHeldAsync(options.Lease, token), lease.Work).ConfigureAwait(false)
            ? found
            : null;
    }

    private List<RangePart> Slice(IRangeUsers users)
    {
        var batchRows = options.MergeBatchRows ?? PartMerge.DefaultBatchRows;
        var parts = (int)Math.Min(options.Connections, (users.Count + batchRows - 1) / batchRows);
        return [.. users.Split(parts).Select((last, index) => new RangePart(index, last, default))];
    }
}

/// <summary>A frozen range with its aggregate and its lease: ready to merge.</summary>
internal sealed record RangeWork(EventRange Range, IRangeUsers Users, IReadOnlyList<RejectedLine> Rejects, RangeLease Lease);
