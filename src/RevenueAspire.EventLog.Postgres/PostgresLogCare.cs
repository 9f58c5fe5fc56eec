using System.Buffers;
using Npgsql;
using NpgsqlTypes;
using RevenueAspire.EventLog.Postgres.Writing;

namespace RevenueAspire.EventLog.Postgres;

/// <summary>Keeps the tables of the logs tidy: whichever API process comes first does it, and any number may try at once. Stateless.</summary>
public static class PostgresLogCare
{
    /// <summary>Bytes of the log that are folded into one row at most: a row is unpacked as a whole.</summary>
    public const int FoldBytes = 16 << 20;

    /// <summary>Between the announcement that keys are going and their end, on the database's clock, however many processes tidy up: much longer than health's word may be old.</summary>
    public static readonly TimeSpan Announced = TimeSpan.FromMinutes(2);

    /// <summary>Rows read, or removed, at a time, so that no statement takes long.</summary>
    private const int RowsAtATime = 2_000;

    /// <summary>Closes the logs of processes that have not been heard of: an append of one that wakes up again fails, and it begins another log. Closed logs without an event go
    /// a minute later, when nobody reads them any more.</summary>
    /// <returns>How many were closed.</returns>
    public static async Task<int> CloseEndedAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var command = database.CreateCommand(
            """
            with gone as (delete from event_log where is_closed and end_offset = 0 and alive_until < now() - interval '1 minute'),
                 ended as (select log_id from event_log where not is_closed and alive_until < now() for update skip locked)
            update event_log l set is_closed = true, epoch = epoch + 1 from ended e where l.log_id = e.log_id
            """);
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes batches that the ledger has, wholly and durably (rule L10). Keys do not stand in the way: they have a table of their own.</summary>
    /// <param name="database">The database.</param>
    /// <param name="logId">The log.</param>
    /// <param name="applied">Offset through which the ledger has the log.</param>
    /// <param name="retainBytes">Bytes before the log's end that stay all the same.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <returns>Rows removed.</returns>
    public static async Task<int> RemoveAppliedAsync(NpgsqlDataSource database, Guid logId, long applied, long retainBytes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        var removed = 0;
        while (true)
        {
            // The first offset moves with the rows, so that a reader never takes what was removed for damage.
            await using var command = database.CreateCommand(
                """
                with old as (
                       select b.log_id, b.from_offset, b.to_offset from event_log_batch b join event_log l using (log_id)
                       where b.log_id = $1 and b.to_offset <= least($2, l.end_offset - $3) order by b.from_offset limit $4),
                     moved as (
                       update event_log set first_offset = (select max(to_offset) from old)
                       where log_id = $1 and first_offset < (select max(to_offset) from old) returning log_id),
                     gone as (delete from event_log_batch b using old, moved where b.log_id = old.log_id and b.from_offset = old.from_offset and b.to_offset = old.to_offset returning 1)
                select count(*) from gone
                """);
            command.Parameters.Add(new NpgsqlParameter { Value = logId });
            command.Parameters.Add(new NpgsqlParameter { Value = applied });
            command.Parameters.Add(new NpgsqlParameter { Value = retainBytes });
            command.Parameters.Add(new NpgsqlParameter { Value = RowsAtATime });
            var count = (int)(long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
            removed += count;
            if (count < RowsAtATime)
            {
                return removed;
            }
        }
    }

    /// <summary>Puts the batches of a closed log that the ledger has into as few rows as possible: one for each <see cref="FoldBytes"/>. The bytes and their offsets stay the same.</summary>
    /// <returns>Rows that went.</returns>
    /// <exception cref="EventLogException">A batch is damaged: it is left as it is.</exception>
    public static async Task<int> FoldAsync(NpgsqlDataSource database, Guid logId, long applied, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        var folded = 0;
        while (true)
        {
            // A row has no more of small ones than are listed at a time, so that those are folded once more.
            var before = folded;
            for (long? from = 0; from is not null;)
            {
                (var rows, from) = await FoldOnceAsync(database, logId, from.Value, applied, cancellationToken).ConfigureAwait(false);
                folded += rows;
            }

            if (folded == before)
            {
                return folded;
            }
        }
    }

    /// <summary>Forgets idempotency keys beyond the newest so many, in two steps: first it says so, and <see cref="Announced"/> later it does it, so that nobody who asked in between is misled.</summary>
    /// <param name="database">The database.</param>
    /// <param name="window">Keys that stay.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    public static async Task ForgetKeysAsync(NpgsqlDataSource database, int window, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using (var remove = database.CreateCommand("delete from event_log_key where key_number < (select keys_from from event_log_memory where announced_at < now() - $1)"))
        {
            remove.Parameters.Add(new NpgsqlParameter { Value = Announced });
            await remove.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        // The oldest number that stays: those that were never used, since their statement failed, count as well, so it is looked for among the rows.
        await using var announce = database.CreateCommand(
            """
            update event_log_memory set keys_from = oldest.key_number, announced_at = now()
            from (select key_number from event_log_key order by key_number desc offset greatest($1 - 1, 0) limit 1) oldest
            where keys_from < oldest.key_number and announced_at < now() - $2
            """);
        announce.Parameters.Add(new NpgsqlParameter { Value = window });
        announce.Parameters.Add(new NpgsqlParameter { Value = Announced });
        await announce.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private static async Task<(int Rows, long? Next)> FoldOnceAsync(NpgsqlDataSource database, Guid logId, long from, long applied, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

        // One at a time, and never while retention removes: both take the log's row first.
        await using (var hold = new NpgsqlCommand("select from event_log where log_id = $1 and is_closed for update", connection) { Parameters = { new() { Value = logId } } })
        await using (var held = await hold.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!await held.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return (0, null);
            }
        }

        var batches = new List<(long From, long To)>();
        await using (var list = new NpgsqlCommand(
            "select from_offset, to_offset from event_log_batch where log_id = $1 and from_offset >= $2 and to_offset <= $3 order by from_offset limit $4", connection)
        {
            Parameters = { new() { Value = logId }, new() { Value = from }, new() { Value = applied }, new() { Value = RowsAtATime } },
        })
        await using (var rows = await list.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false))
        {
            while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                var batch = (From: rows.GetInt64(0), To: rows.GetInt64(1));
                if (batches.Count > 0 && (batches[^1].To != batch.From || batch.To - batches[0].From > FoldBytes))
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
                    new() { Value = logId }, new() { Value = start }, new() { Value = end }, new() { Value = (short)one.Encoding }, new() { Value = (long)one.Crc },
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
                throw new EventLogException($"{reader.Name}: bytes {offset} to {read.DamagedThrough} are not folded: {read.Damage}");
            }

            offset += read.Count;
            destination = destination[read.Count..];
        }
    }
}
