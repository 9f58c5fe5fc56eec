using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Closes finished ranges: moves the source past them, and deletes them (M7).</summary>
public static class RangeClose
{
    // Lists the source's ranges in order, with the columns that identify the finished ones after applied_through. Locks and writes nothing.
    private const string FindFinished =
        $"""
        select s.applied_through, r.range_id, r.from_offset, coalesce(r.end_fixed, r.claimed_end), {RangeRows.Finished},
          s.lines_through, coalesce(r.lines, 0), coalesce(r.rejects, 0)
        from event_source s left join event_range r using (source_id)
        where s.source_id = $1 order by r.from_offset
        """;

    // The transaction has locked the source. The statement checks everything again: if the database crashed after FindFinished, it may have lost asynchronous
    // commits.
    private const string Close =
        $"""
        with ready as (
          select r.lines, r.events, r.rejects, r.revenue, r.from_offset, r.end_fixed, r.types_hash
          from event_range r where r.source_id = $1 and r.range_id = any ($4) and {RangeRows.Finished}
        ), total as (
          select count(*) as ranges, sum(lines) as lines, sum(events) as events, sum(rejects) as rejects, sum(revenue) as revenue,
            sum(end_fixed - from_offset) as bytes,
            case when count(distinct types_hash) = 1 then (array_agg(types_hash))[1] else '\x00'::bytea end as types from ready
        ), moved as (
          update event_source s set applied_through = $3, tail_hash = $5, lines_through = s.lines_through + total.lines,
            events_through = s.events_through + total.events, rejects_through = s.rejects_through + total.rejects,
              revenue_through = s.revenue_through + total.revenue,
            types_hash = case when s.applied_through = 0 or s.types_hash = total.types then total.types else '\x00'::bytea end
          from total
          where s.source_id = $1 and s.applied_through = $2 and total.ranges = cardinality($4) and total.bytes = $3 - $2
          returning s.source_id
        ), parts as (
          delete from event_part p using moved where p.range_id = any ($4)
        ), ranges as (
          delete from event_range r using moved where r.range_id = any ($4)
        )
        select exists (select from moved)
        """;

    /// <summary>Rejects that one statement numbers. Small enough to finish well within any statement or command time-out.</summary>
    private const int NumberedRows = 5000;

    // Makes line numbers absolute before the close. It runs in bounded steps, because a range may have any number of rejects. A range's first line number is
    // known once this range and all earlier ones are frozen. Each row is numbered once, because numbering clears its range_id. So any processor can repeat
    // this step with the same result.
    private const string Number =
        """
        with step as (
          select e."offset" from rejected_event e where e.source_id = $1 and e.range_id = $2 and e."offset" >= $3 and e."offset" < $4
            order by e."offset" limit $6
        ), numbered as (
          update rejected_event e set line = $5 + e.line + 1, range_id = null from step
            where e.source_id = $1 and e."offset" = step."offset" and e.range_id = $2
        )
        select max("offset") from step
        """;

    /// <summary>A fully merged range.</summary>
    private readonly record struct Finished(Guid Id, long From, long End, long LinesBefore, long Rejects);

    /// <summary>Closes the source's finished ranges that follow applied_through without a gap (M7). It makes line numbers absolute, moves applied_through, and
    /// deletes the ranges.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="tailHash">Computes the tail hash of rule M11 for the new applied_through (see <see cref="TailHash"/>). Called outside of any
    /// transaction.</param>
    /// <param name="cancellationToken">Cancels before the commit.</param>
    /// <returns>The source's applied offset after the close.</returns>
    /// <exception cref="InvalidOperationException">The source is unknown.</exception>
    public static async Task<long> CloseAsync(
        NpgsqlDataSource database, Guid sourceId, Func<long, ReadOnlyMemory<byte>> tailHash, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tailHash);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var (from, to, finished) = await FindFinishedAsync(connection, sourceId, cancellationToken).ConfigureAwait(false);
            if (finished.Count == 0)
            {
                return from;
            }

            foreach (var range in finished.Where(range => range.Rejects > 0))
            {
                await NumberAsync(connection, sourceId, range, cancellationToken).ConfigureAwait(false);
            }

            // Called outside of the transaction, because it reads a file.
            var hash = tailHash(to);
            await using var batch = WriteBatch.Create(connection, lockedSource: sourceId);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Close)
            {
                Parameters =
                {
                    WriteBatch.Parameter(sourceId), WriteBatch.Parameter(from), WriteBatch.Parameter(to),
                    WriteBatch.Parameter(finished.Select(range => range.Id).ToArray()), WriteBatch.Bytes(hash),
                },
            });
            if (await WriteBatch.ExecuteAsync(batch, cancellationToken).ConfigureAwait(false))
            {
                return to;
            }

            // Another processor has closed a range in the meantime. The loop ends, because each further turn means that a processor made progress.
        }
    }

    private static async Task NumberAsync(NpgsqlConnection connection, Guid sourceId, Finished range, CancellationToken cancellationToken)
    {
        for (long? next = range.From; next is { } from;)
        {
            await using var batch = WriteBatch.Create(connection, lockedSource: sourceId);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Number)
            {
                Parameters =
                {
                    WriteBatch.Parameter(sourceId), WriteBatch.Parameter(range.Id), WriteBatch.Parameter(from), WriteBatch.Parameter(range.End),
                    WriteBatch.Parameter(range.LinesBefore), WriteBatch.Parameter(NumberedRows),
                },
            });
            next = await WriteBatch.ExecuteOffsetAsync(batch, cancellationToken).ConfigureAwait(false) + 1;
        }
    }

    private static async Task<(long From, long To, List<Finished> Finished)> FindFinishedAsync(
        NpgsqlConnection connection, Guid sourceId, CancellationToken cancellationToken)
    {
        await using var find = new NpgsqlCommand(FindFinished, connection) { Parameters = { WriteBatch.Parameter(sourceId) } };
        await using var rows = await find.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var (from, to, finished) = (-1L, -1L, new List<Finished>());
        var lines = 0L;
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (from < 0)
            {
                from = to = rows.GetInt64(0);
                lines = rows.GetInt64(5);
            }

            if (rows.IsDBNull(1))
            {
                break;
            }

            if (rows.GetInt64(2) == to && rows.GetBoolean(4))
            {
                finished.Add(new Finished(rows.GetGuid(1), to, rows.GetInt64(3), lines, rows.GetInt64(7)));
                to = rows.GetInt64(3);
                lines += rows.GetInt64(6);
            }
        }

        return from < 0 ? throw new InvalidOperationException($"There is no source {sourceId}.") : (from, to, finished);
    }
}
