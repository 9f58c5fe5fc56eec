using System.Diagnostics;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Merges the rejected lines of a frozen range like a part, except that the watermark is an offset (M8).</summary>
public static class RejectMerge
{
    /// <summary>Lines per statement: at most about half a megabyte.</summary>
    internal const int BatchLines = 1000;

    // Returns whether the watermark moved. The caller's last batch, and no other, must end at the frozen last reject.
    private const string Merge =
        """
        with moved as (
          update event_range set rejects_merged_through = $3
          where range_id = $1 and source_id = $9 and end_fixed is not null and rejects_merged_through = $2
            and ($3 = last_reject_offset) = $4
          returning range_id, source_id
        ), stored as (
          insert into rejected_event (source_id, "offset", line, range_id, reason, beginning)
          select moved.source_id, l."offset", l.line, moved.range_id, l.reason, l.beginning
          from moved, unnest($5::bigint[], $6::bigint[], $7::text[], $8::text[]) as l ("offset", line, reason, beginning)
          order by l."offset"
        )
        select exists (select from moved)
        """;

    private const string Read =
        "select rejects_merged_through, last_reject_offset from event_range where range_id = $1 and source_id = $2 and end_fixed is not null";

    /// <summary>Merges the rejects after the watermark (M8), in order of offset.</summary>
    /// <param name="database">The ledger's database.</param>
    /// <param name="sourceId">The source.</param>
    /// <param name="rangeId">The frozen range.</param>
    /// <param name="mergedThrough">The rejects' watermark as read.</param>
    /// <param name="rejects">All rejected lines of the range, ascending by offset.</param>
    /// <param name="cancellationToken">Cancels between statements, or leaves the running statement in doubt.</param>
    /// <returns>True if all rejects are merged. False if another processor moved the watermark or closed the range: read the range again.</returns>
    /// <exception cref="InvalidOperationException">The lines differ from those at the freeze of the range.</exception>
    public static async Task<bool> MergeAsync(
        NpgsqlDataSource database, Guid sourceId, Guid rangeId, long mergedThrough, IReadOnlyList<RejectedLine> rejects, CancellationToken cancellationToken)
    {
        RejectColumns.Validate(rejects);
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var start = 0;
        while (start < rejects.Count && rejects[start].Offset <= mergedThrough)
        {
            start++;
        }

        while (start < rejects.Count)
        {
            var end = Math.Min(rejects.Count, start + BatchLines);
            var began = Stopwatch.GetTimestamp();
            await using var batch = WriteBatch.Create(connection);
            batch.BatchCommands.Add(Command(sourceId, rangeId, mergedThrough, rejects, start, end));
            if (!await WriteBatch.ExecuteAsync(batch, cancellationToken).ConfigureAwait(false))
            {
                break;
            }

            LedgerTelemetry.RecordMerge(began, "rejects");
            mergedThrough = rejects[end - 1].Offset;
            start = end;
        }

        return await IsMergedAsync(connection, sourceId, rangeId, mergedThrough, complete: start == rejects.Count, cancellationToken).ConfigureAwait(false);
    }

    private static NpgsqlBatchCommand Command(Guid sourceId, Guid rangeId, long mergedThrough, IReadOnlyList<RejectedLine> rejects, int start, int end)
    {
        var command = new NpgsqlBatchCommand(Merge)
        {
            Parameters =
            {
                WriteBatch.Parameter(rangeId), WriteBatch.Parameter(mergedThrough), WriteBatch.Parameter(rejects[end - 1].Offset),
                WriteBatch.Parameter(end == rejects.Count),
            },
        };
        RejectColumns.Add(command.Parameters, rejects, start, end);
        command.Parameters.Add(WriteBatch.Parameter(sourceId));
        return command;
    }

    /// <summary>Reads the final state: true if everything is merged, false if another processor is at work. Throws if the lines differ from those at the
    /// freeze.</summary>
    private static async Task<bool> IsMergedAsync(
        NpgsqlConnection connection, Guid sourceId, Guid rangeId, long mergedThrough, bool complete, CancellationToken cancellationToken)
    {
        await using var read = new NpgsqlCommand(Read, connection) { Parameters = { WriteBatch.Parameter(rangeId), WriteBatch.Parameter(sourceId) } };
        await using var rows = await read.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        var (stored, last) = (rows.GetInt64(0), rows.GetInt64(1));
        if (complete && stored == last)
        {
            return true;
        }

        // The watermark has the expected value, so no other processor is at work. But the last statement did not move it, or the lines do not end at the
        // frozen last reject. So the caller's lines differ from those at the freeze.
        return stored == mergedThrough
            ? throw new InvalidOperationException("The rejected lines differ from those at the freeze of the range.")
            : false;
    }
}
