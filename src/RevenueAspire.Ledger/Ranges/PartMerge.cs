using System.Diagnostics;
using System.Text;
using Npgsql;

namespace RevenueAspire.Ledger;

/// <summary>Merges one part of a frozen range: batch after batch, each moving the part's watermark and adding its sums in one statement (M5).</summary>
internal static class PartMerge
{
    // The part's lower bound is its predecessor's upper key. One transaction of its own, so the lock time-out stays for the connection until it goes back to the pool.
    private const string Begin =
        $"""
        select p.upper_key, p.merged_through,
          coalesce((select l.upper_key from event_part l where l.range_id = p.range_id and l.part_index = p.part_index - 1), ''),
          set_config('lock_timeout', '{WriteBatch.LockTimeout}', false)
        from event_part p where p.range_id = $1 and p.part_index = $2
        """;

    private static readonly string Narrow = Statement(wide: false);
    private static readonly string Wide = Statement(wide: true);

    public static async Task<bool> MergeAsync(
        NpgsqlDataSource database, Guid rangeId, RangePart part, ISortedDeltas deltas, int batchRows, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentNullException.ThrowIfNull(deltas);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchRows, 1);
        using var activity = LedgerTelemetry.Activities.StartActivity("merge part");
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        if (await BeginAsync(connection, rangeId, part, cancellationToken).ConfigureAwait(false) is not { } lowerKey)
        {
            return false;
        }

        var (start, end) = Slice(deltas, part, lowerKey);
        activity?.SetTag("revenue.users", end - start);
        return await MergeSliceAsync(connection, rangeId, part, deltas, start, end, batchRows, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<bool> MergeSliceAsync(
        NpgsqlConnection connection, Guid rangeId, RangePart part, ISortedDeltas deltas, int start, int end, int batchRows, CancellationToken cancellationToken)
    {
        // Two batches in turn: the next one's parameters are built while the database works on the last one.
        var (batch, next) = (new DeltaBatch(), new DeltaBatch());
        var watermark = part.MergedThrough;
        batch.Fill(deltas, start, Math.Min(end, start + batchRows));
        while (start < end)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var began = Stopwatch.GetTimestamp();
            var statement = ExecuteAsync(connection, rangeId, part.Index, watermark, batch, cancellationToken);
            start = Math.Min(end, start + batchRows);
            if (start < end)
            {
                try
                {
                    next.Fill(deltas, start, Math.Min(end, start + batchRows));
                }
                catch
                {
                    await statement.ConfigureAwait(false);
                    throw;
                }
            }

            if (!await statement.ConfigureAwait(false))
            {
                return false;
            }

            // Here the batch is in the ledger, sums and watermark together.
            LedgerTelemetry.RecordMerge(began, "part");
            watermark = batch.LastUser.ToArray();
            (batch, next) = (next, batch);
        }

        return true;
    }

    private static async Task<bool> ExecuteAsync(
        NpgsqlConnection connection, Guid rangeId, int index, ReadOnlyMemory<byte> watermark, DeltaBatch batch, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(batch.Wide ? Wide : Narrow, connection)
        {
            Parameters =
            {
                WriteBatch.Parameter(rangeId), WriteBatch.Parameter(index), WriteBatch.Text(watermark), WriteBatch.Text(batch.LastUser),
                WriteBatch.Texts(batch.Users), batch.Sums(),
            },
        };

        // A round trip for the connection's first batch only: the statement is planned once.
        await command.PrepareAsync(cancellationToken).ConfigureAwait(false);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
    }

    /// <summary>Exclusive lower key of the part, or null when the part is gone or stands elsewhere than the caller read.</summary>
    private static async Task<byte[]?> BeginAsync(NpgsqlConnection connection, Guid rangeId, RangePart part, CancellationToken cancellationToken)
    {
        await using var begin = new NpgsqlCommand(Begin, connection) { Parameters = { WriteBatch.Parameter(rangeId), WriteBatch.Parameter(part.Index) } };
        await using var rows = await begin.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        if (!await rows.ReadAsync(cancellationToken).ConfigureAwait(false) || !part.MergedThrough.Span.SequenceEqual(rows.GetFieldValue<byte[]>(1)))
        {
            return null;
        }

        if (!part.UpperKey.Span.SequenceEqual(rows.GetFieldValue<byte[]>(0)))
        {
            throw new InvalidOperationException("The part's upper key is not the frozen one.");
        }

        return rows.GetFieldValue<byte[]>(2);
    }

    /// <summary>Indexes of the part's users behind its watermark; checks that the aggregate is the one that was frozen.</summary>
    private static (int Start, int End) Slice(ISortedDeltas deltas, RangePart part, byte[] lowerKey)
    {
        var (start, startFound) = Behind(deltas, part.MergedThrough.IsEmpty ? lowerKey : part.MergedThrough.Span);
        var (end, endFound) = Behind(deltas, part.UpperKey.Span);
        return startFound && endFound
            ? (start, end)
            : throw new InvalidOperationException("The users are not those that the range was frozen with: its watermark or its upper key is not among them.");
    }

    /// <summary>Index behind a key, and whether the key is there (an empty key is, before all).</summary>
    private static (int Index, bool Found) Behind(ISortedDeltas deltas, ReadOnlySpan<byte> key)
    {
        var (low, high, found) = (0, deltas.Count, key.IsEmpty);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var order = deltas.UserId(middle).SequenceCompareTo(key);
            found |= order == 0;
            (low, high) = order <= 0 ? (middle + 1, high) : (low, middle);
        }

        return (low, found);
    }

    // Conditions name only columns of the updated row: a loser that waited for it re-evaluates exactly them, finds nothing to move, and adds nothing.
    private static string Statement(bool wide) => new StringBuilder()
        .AppendLine("with moved as (")
        .AppendLine("  update event_part set merged_through = $4 where range_id = $1 and part_index = $2 and merged_through = $3 returning 1")
        .AppendLine("), merged as (")
        .AppendLine(DeltaBatch.Upsert(first: 5, wide))
        .AppendLine(")")
        .Append("select exists (select from moved)")
        .ToString();
}
