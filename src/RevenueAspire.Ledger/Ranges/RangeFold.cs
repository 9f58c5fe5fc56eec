using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Folds finished ranges into their source (M7).</summary>
internal static class RangeFold
{
    // In order, with what is needed to find the contiguous finished beginning. Locks nothing, and writes nothing where there is none.
    private const string Look =
        $"""
        select s.applied_through, r.range_id, r.from_offset, coalesce(r.end_fixed, r.claimed_end), {RangeRows.Finished}
        from event_source s left join event_range r using (source_id)
        where s.source_id = $1 order by r.from_offset
        """;

    // The source is locked. Everything is checked again: a database that crashed between the look and this may have lost asynchronous commits.
    // All of it sees the rows as they were before: event_source's lines_through is the old one in "numbered".
    private const string Fold =
        $"""
        with ready as (
          select r.range_id, r.lines, r.events, r.rejects, r.from_offset, r.end_fixed,
            sum(r.lines) over (order by r.from_offset) - r.lines as lines_before
          from event_range r where r.source_id = $1 and r.range_id = any ($4) and {RangeRows.Finished}
        ), total as (
          select count(*) as ranges, sum(lines) as lines, sum(events) as events, sum(rejects) as rejects, sum(end_fixed - from_offset) as bytes from ready
        ), moved as (
          update event_source s set applied_through = $3, tail_hash = $5, lines_through = s.lines_through + total.lines,
            events_through = s.events_through + total.events, rejects_through = s.rejects_through + total.rejects
          from total
          where s.source_id = $1 and s.applied_through = $2 and total.ranges = cardinality($4) and total.bytes = $3 - $2
          returning s.source_id
        ), numbered as (
          update rejected_event e set line = s.lines_through + ready.lines_before + e.line + 1, range_id = null
          from moved, event_source s, ready
          where s.source_id = $1 and e.source_id = $1 and e."offset" >= $2 and e."offset" < $3 and e.range_id = ready.range_id
        ), parts as (
          delete from event_part p using moved where p.range_id = any ($4)
        ), ranges as (
          delete from event_range r using moved where r.range_id = any ($4)
        )
        select exists (select from moved)
        """;

    public static async Task<FoldResult> FoldAsync(
        NpgsqlDataSource database, Guid sourceId, Func<long, ReadOnlyMemory<byte>> tailHash, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tailHash);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var (from, to, finished, open) = await LookAsync(connection, sourceId, cancellationToken).ConfigureAwait(false);
            if (finished.Count == 0)
            {
                return new FoldResult(from, open);
            }

            // Outside of the transaction, since it reads a file.
            var hash = tailHash(to);
            await using var batch = WriteBatch.Create(connection, lockedSource: sourceId);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Fold)
            {
                Parameters =
                {
                    WriteBatch.Parameter(sourceId), WriteBatch.Parameter(from), WriteBatch.Parameter(to), WriteBatch.Parameter(finished.ToArray()), WriteBatch.Bytes(hash),
                },
            });
            if (await WriteBatch.ExecuteAsync(batch, cancellationToken).ConfigureAwait(false))
            {
                return new FoldResult(to, open - finished.Count);
            }

            // Another processor folded meanwhile: each turn of this loop is somebody's progress.
        }
    }

    private static async Task<(long From, long To, List<Guid> Finished, int Open)> LookAsync(NpgsqlConnection connection, Guid sourceId, CancellationToken cancellationToken)
    {
        await using var look = new NpgsqlCommand(Look, connection) { Parameters = { WriteBatch.Parameter(sourceId) } };
        await using var rows = await look.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var (from, to, finished, open) = (-1L, -1L, new List<Guid>(), 0);
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (from < 0)
            {
                from = to = rows.GetInt64(0);
            }

            if (rows.IsDBNull(1))
            {
                break;
            }

            open++;
            if (rows.GetInt64(2) == to && rows.GetBoolean(4))
            {
                finished.Add(rows.GetGuid(1));
                to = rows.GetInt64(3);
            }
        }

        return from < 0 ? throw new InvalidOperationException($"There is no source {sourceId}.") : (from, to, finished, open);
    }
}
