using System.Buffers;
using Npgsql;
using NpgsqlTypes;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.Postgres;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Merges the rows of a closed log. Any number of processes may run it at once. Stateless.</summary>
internal static class LogCompaction
{
    /// <summary>Maximum log bytes per row, because a row is unpacked as a whole.</summary>
    private const int MaxRowBytes = 16 << 20;

    /// <summary>Rows per statement, so that no statement takes long.</summary>
    private const int RowsAtATime = 2_000;

    /// <summary>Merges the applied batches of a closed log into as few rows as possible, at most <see cref="MaxRowBytes"/> each. Bytes and offsets stay the
    /// same.</summary>
    /// <returns>Number of rows removed.</returns>
    /// <exception cref="EventLogException">A batch is damaged; it stays unchanged.</exception>
    public static async Task<int> RunAsync(NpgsqlDataSource database, Guid logId, long applied, CancellationToken cancellationToken)
    {
        var removed = 0;
        while (true)
        {
            // A pass merges at most RowsAtATime small rows into one, so repeat until nothing changes.
            var before = removed;
            for (long? from = 0; from is not null;)
            {
                (var rows, from) = await MergeAsync(database, logId, from.Value, applied, cancellationToken).ConfigureAwait(false);
                removed += rows;
            }

            if (removed == before)
            {
                return removed;
            }
        }
    }

    private static async Task<(int Rows, long? Next)> MergeAsync(
        NpgsqlDataSource database, Guid logId, long from, long applied, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

        // One process at a time, and never during retention: both lock the log's row first.
        await using (var hold = new NpgsqlCommand("select from event_log where log_id = $1 and is_closed for update", connection).With(logId))
        await using (var held = await hold.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!await held.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return (0, null);
            }
        }

        var batches = new List<(long From, long To)>();
        await using (var list = new NpgsqlCommand(
            "select from_offset, to_offset from event_log_batch where log_id = $1 and from_offset >= $2 and to_offset <= $3 order by from_offset limit $4",
            connection).With(logId, from, applied, RowsAtATime))
        await using (var rows = await list.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                var batch = (From: rows.GetInt64(0), To: rows.GetInt64(1));
                if (batches.Count > 0 && (batches[^1].To != batch.From || batch.To - batches[0].From > MaxRowBytes))
                {
                    break;
                }

                batches.Add(batch);
            }
        }

        if (batches.Count == 0)
        {
            return (0, null);
        }

        using var reader = PostgresLogReader.OpenWithin(connection, logId);
        var (start, end) = (batches[0].From, batches[^1].To);
        if (batches.Count == 1)
        {
            return (0, end);
        }

        var bytes = ArrayPool<byte>.Shared.Rent((int)(end - start));
        try
        {
            Fill(reader, start, bytes.AsSpan(0, (int)(end - start)));
            using var one = Batch.Of(start, bytes.AsSpan(0, (int)(end - start)));
            await using var replace = new NpgsqlCommand(
                """
                with gone as (delete from event_log_batch where log_id = $1 and from_offset > $2 and to_offset <= $3)
                update event_log_batch set to_offset = $3, encoding = $4, crc = $5, bytes = $6 where log_id = $1 and from_offset = $2
                """, connection)
            {
                Parameters =
                {
                    new() { Value = logId }, new() { Value = start }, new() { Value = end }, new() { Value = (short)one.Encoding },
                    new() { Value = (long)one.Crc },
                    new NpgsqlParameter<ReadOnlyMemory<byte>> { TypedValue = one.Bytes, NpgsqlDbType = NpgsqlDbType.Bytea },
                },
            };
            await replace.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }

        return (batches.Count - 1, end);
    }

    private static void Fill(PostgresLogReader reader, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            var read = reader.Read(offset, destination);
            if (read.Count == 0)
            {
                throw new EventLogException($"{reader.Name}: bytes {offset} to {read.DamagedThrough} cannot be compacted: {read.Damage}");
            }

            offset += read.Count;
            destination = destination[read.Count..];
        }
    }
}
