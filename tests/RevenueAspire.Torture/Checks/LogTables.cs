using System.Globalization;
using System.IO.Compression;
using Npgsql;
using RevenueAspire.Torture.Stage;

namespace RevenueAspire.Torture.Checks;

/// <summary>
/// Reads the logs in Postgres without the product's code: table rows, the framework's Brotli, System.Text.Json, and a separate checksum implementation.
/// </summary>
internal static class LogTables
{
    private const uint Castagnoli = 0x82F63B78;
    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(CrcOf)];

    /// <summary>The ledger's lag per log as readable text; empty without a lag.</summary>
    public static async Task<string> FindLagAsync(PostgresHost postgres) => await postgres.ExecuteAsync(
        """
        select string_agg(format('%s at %s of %s', log_id, coalesce(applied_through, 0), end_offset), ', ')
        from event_log left join event_source on source_id = log_id where coalesce(applied_through, 0) <> end_offset
        """) as string ?? "";

    /// <summary>Reads all records of all logs, or only the new ones since the last call.</summary>
    /// <param name="postgres">The server with the logs.</param>
    /// <param name="positions">Per log, the offset up to which an earlier call has read; updated. Null reads everything.</param>
    /// <exception cref="InvalidDataException">The rows of a log are not a gapless sequence of records up to its end.</exception>
    public static async Task<List<LogRecord>> ReadAsync(PostgresHost postgres, Dictionary<Guid, long>? positions = null)
    {
        await using var connection = await postgres.ConnectAsync();
        var logs = new List<(Guid Id, long End)>();
        await using (var command = new NpgsqlCommand("select log_id, end_offset from event_log order by created_at", connection))
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                logs.Add((rows.GetGuid(0), rows.GetInt64(1)));
            }
        }

        var records = new List<LogRecord>();
        foreach (var (id, end) in logs)
        {
            await ReadAsync(connection, id, positions?.GetValueOrDefault(id) ?? 0, end, records);
            positions?[id] = end;
        }

        await using var strays = new NpgsqlCommand("select count(*) from event_log_batch where log_id not in (select log_id from event_log)", connection);
        if (await strays.ExecuteScalarAsync() is long count and > 0)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{count} rows belong to no log"));
        }

        return records;
    }

    private static async Task ReadAsync(NpgsqlConnection connection, Guid id, long position, long end, List<LogRecord> records)
    {
        // A row may begin before the position, because compaction joins rows of a closed log. A row may begin after the end that was read, because the log
        // still grows.
        const string sql = """
            select from_offset, to_offset, encoding, crc, bytes from event_log_batch
            where log_id = $1 and to_offset > $2 and from_offset < $3 order by from_offset
            """;
        await using var command = new NpgsqlCommand(sql, connection)
        {
            Parameters = { new() { Value = id }, new() { Value = position }, new() { Value = end } },
        };
        await using var rows = await command.ExecuteReaderAsync();
        var next = (long?)null;
        while (await rows.ReadAsync())
        {
            var (from, through, encoding, crc) = (rows.GetInt64(0), rows.GetInt64(1), rows.GetInt16(2), rows.GetInt64(3));
            var bytes = Unpack(encoding, rows.GetFieldValue<byte[]>(4));
            if (from > position || (next is not null && from != next) || through > end || bytes.Length != through - from)
            {
                throw new InvalidDataException(
                    FormattableString.Invariant($"the log {id:N} has, at {position}, a row from {from} to {through} with {bytes.Length} bytes"));
            }

            if (Crc(bytes) != crc)
            {
                throw new InvalidDataException(FormattableString.Invariant($"the checksum of the row at {id:N}:{from} is wrong"));
            }

            for (var at = (int)(position - from); at < bytes.Length;)
            {
                var length = bytes.AsSpan(at).IndexOf((byte)'\n') + 1;
                if (length == 0)
                {
                    throw new InvalidDataException(FormattableString.Invariant($"the record at {id:N}:{from + at} does not end within its row"));
                }

                records.Add(LogRecord.Parse(id, bytes.AsMemory(at, length), from + at));
                at += length;
            }

            position = through;
            next = through;
        }

        if (position != end)
        {
            throw new InvalidDataException(FormattableString.Invariant($"the rows of the log {id:N} end at {position}, but the log ends at {end}"));
        }
    }

    private static byte[] Unpack(short encoding, byte[] stored)
    {
        if (encoding == 0)
        {
            return stored;
        }

        using var packed = new BrotliStream(new MemoryStream(stored), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        packed.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static uint Crc(byte[] bytes) => ~bytes.Aggregate(uint.MaxValue, (crc, next) => (crc >> 8) ^ CrcTable[(byte)(crc ^ next)]);

    private static uint CrcOf(int value) => Enumerable.Range(0, 8).Aggregate((uint)value, (crc, _) => (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ Castagnoli);
}
