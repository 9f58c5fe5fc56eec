using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Fixes the end, the hashes and the parts of a range before its first merge (M4).</summary>
public static class RangeFreeze
{
    // The rest of a range that ended early becomes a claimed range without an owner. An idle processor takes it over.
    private const string Freeze =
        """
        with moved as (
          update event_range set end_fixed = $4, bytes_hash = $5, types_hash = $6, lines = $7, events = $8, rejects = $9,
            last_reject_offset = $10, revenue = $13::text::numeric
          where range_id = $1 and end_fixed is null and from_offset = $2 and claimed_end = $3
          returning range_id, source_id, claimed_end
        ), parts as (
          insert into event_part (range_id, part_index, upper_key)
          select moved.range_id, p.number - 1, p.upper_key from moved, unnest($11::text[]) with ordinality as p (upper_key, number)
        ), rest as (
          insert into event_range (range_id, source_id, from_offset, claimed_end)
          select $12, moved.source_id, $4, moved.claimed_end from moved where $4 < moved.claimed_end
        )
        select exists (select from moved)
        """;

    /// <summary>Freezes a range by compare-and-set (M4). If the frozen end is before the claimed end, the same transaction makes the rest a separate free
    /// range.</summary>
    /// <returns>The frozen range with the caller's values. Null if another processor was faster: discard the aggregate.</returns>
    /// <exception cref="ArgumentException">The end is not within the range, or the parts do not ascend.</exception>
    public static async Task<EventRange?> TryFreezeAsync(NpgsqlDataSource database, EventRange range, FrozenRange frozen, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(range);
        ArgumentNullException.ThrowIfNull(frozen);
        Validate(range, frozen);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var batch = WriteBatch.Create(connection, lockedSource: range.SourceId);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Freeze)
        {
            Parameters =
            {
                WriteBatch.Parameter(range.Id), WriteBatch.Parameter(range.From), WriteBatch.Parameter(range.To), WriteBatch.Parameter(frozen.End),
                WriteBatch.Bytes(frozen.BytesHash), WriteBatch.Bytes(frozen.TypesHash), WriteBatch.Parameter(frozen.Lines), WriteBatch.Parameter(frozen.Events),
                WriteBatch.Parameter(frozen.Rejects), WriteBatch.Parameter(frozen.LastRejectOffset),
                WriteBatch.Texts([.. frozen.Parts.Select(part => part.UpperKey)]), WriteBatch.Parameter(Guid.NewGuid()),
                WriteBatch.Digits(frozen.Revenue),
            },
        });
        if (!await WriteBatch.ExecuteAsync(batch, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var parts = frozen.Parts.Select((part, index) => new RangePart(index, part.UpperKey, ReadOnlyMemory<byte>.Empty)).ToList();
        return range with { To = frozen.End, Frozen = frozen with { RejectsMergedThrough = -1, Parts = parts } };
    }

    private static void Validate(EventRange range, FrozenRange frozen)
    {
        if (range.Frozen is not null)
        {
            throw new ArgumentException("The range is frozen already.", nameof(range));
        }

        if (frozen.End <= range.From || frozen.End > range.To)
        {
            throw new ArgumentException($"The frozen end {frozen.End} is not within the claimed range ({range.From}, {range.To}].", nameof(frozen));
        }

        if (frozen.Rejects > 0 ? frozen.LastRejectOffset < range.From || frozen.LastRejectOffset >= frozen.End : frozen.LastRejectOffset != -1)
        {
            throw new ArgumentException("The last reject's offset must be in the range, or -1 where there is none.", nameof(frozen));
        }

        // If a key did not ascend, no batch would ever complete its part.
        var last = ReadOnlyMemory<byte>.Empty;
        foreach (var part in frozen.Parts)
        {
            if (part.UpperKey.Span.SequenceCompareTo(last.Span) <= 0)
            {
                throw new ArgumentException("The parts' upper keys must ascend, and none may be empty.", nameof(frozen));
            }

            last = part.UpperKey;
        }
    }
}
