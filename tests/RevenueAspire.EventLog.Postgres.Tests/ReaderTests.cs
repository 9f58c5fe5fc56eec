using System.Text;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class ReaderTests
{
    [Theory]
    [InlineData("update event_log_batch set crc = crc # 1 where from_offset = {0}", "checksum")]
    [InlineData("update event_log_batch set bytes = set_byte(bytes, 20, get_byte(bytes, 20) # 1) where from_offset = {0}", "batch")]
    [InlineData("delete from event_log_batch where from_offset = {0}", "missing")]
    public async Task L8_a_damaged_or_missing_batch_is_reported_with_its_offsets_and_the_rest_is_read(string damage, string expected)
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        var before = (await PostgresLog.AppendAsync(log, "before")).Receipt.Offset;
        var from = log.DurableMark;
        await PostgresLog.AppendAsync(log, "damaged", count: 100);
        var to = log.DurableMark;
        await PostgresLog.AppendAsync(log, "after");
        await database.ExecuteAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, damage, from));

        using var reader = PostgresLogReader.Open(database.Database, log.LogId);
        var buffer = new byte[1 << 16];
        Assert.Equal(from, reader.Read(before, buffer).Count);
        var read = reader.Read(from + 10, buffer);
        Assert.Equal((0, to), (read.Count, read.DamagedThrough));
        Assert.Contains(expected, read.Damage, StringComparison.Ordinal);
        var after = reader.Read(to, buffer);
        Assert.Contains("\"after\"", Encoding.UTF8.GetString(buffer, 0, after.Count), StringComparison.Ordinal);
        Assert.Throws<EventLogException>(() => reader.Read(log.DurableMark + 1, buffer));
    }

    [Fact]
    public async Task L10_removing_applied_batches_moves_the_first_offset_and_receipts_stay_valid()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        var results = new List<AppendResult>();
        for (var i = 0; i < 50; i++)
        {
            results.Add(await PostgresLog.AppendAsync(log, $"u{i}", count: 1 + (i % 3)));
        }

        var whole = database.Read(log.LogId);
        var applied = results[30].Receipt.Offset + 5;
        Assert.Equal(30, await PostgresLogRetention.RemoveBatchesAsync(database.Database, log.LogId, applied, 0, CancellationToken.None));
        Assert.Equal(0, await PostgresLogRetention.RemoveBatchesAsync(database.Database, log.LogId, applied, 0, CancellationToken.None));
        using var reader = PostgresLogReader.Open(database.Database, log.LogId);
        Assert.Equal(whole[(int)reader.FirstOffset..], database.Read(log.LogId));
        Assert.StartsWith("{\"userId\":\"u30\"", database.Read(log.LogId), StringComparison.Ordinal);
        Assert.Equal(ReceiptLookup.Record, await log.LookUpAsync(results[3].Receipt, CancellationToken.None));
        Assert.Throws<EventLogException>(() => reader.Read(0, new byte[10]));
        Assert.Equal(0, await PostgresLogRetention.RemoveBatchesAsync(database.Database, log.LogId, log.DurableMark, log.DurableMark, CancellationToken.None));
    }

    [Fact]
    public async Task The_log_of_an_ended_process_is_compacted_into_one_row_with_the_same_bytes()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        var results = new List<AppendResult>();
        for (var i = 0; i < 60; i++)
        {
            results.Add(await PostgresLog.AppendAsync(log, $"u{i}", count: 1 + (i * 7 % 40)));
        }

        var (id, end, whole) = (log.LogId, log.DurableMark, database.Read(log.LogId));
        Assert.Equal(0, await LogCompaction.RunAsync(database.Database, id, end, CancellationToken.None));
        await log.DisposeAsync();
        using var open = PostgresLogReader.Open(database.Database, id);
        Assert.Equal(10, open.Read(0, new byte[10]).Count);
        Assert.Equal(59, await LogCompaction.RunAsync(database.Database, id, end, CancellationToken.None));
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from event_log_batch"));
        Assert.Equal(whole, database.Read(id));
        var rest = new byte[end - 5];
        Assert.Equal(rest.Length, open.Read(5, rest).Count);
        Assert.Equal(whole[5..], Encoding.UTF8.GetString(rest));
        var other = await database.OpenAsync();
        Assert.All(
            results, result => Assert.Equal(ReceiptLookup.Record, other.LookUpAsync(result.Receipt, CancellationToken.None).AsTask().GetAwaiter().GetResult()));
    }

    [Fact]
    public async Task A_snapshot_still_reads_batches_removed_later()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        await PostgresLog.AppendAsync(log, "a", count: 30);
        await using var connection = await database.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await using var export = new Npgsql.NpgsqlCommand("select pg_export_snapshot()", connection);
        using var reader = PostgresLogReader.OpenSnapshot(database.Database, (string)(await export.ExecuteScalarAsync())!, log.LogId);
        await PostgresLogRetention.RemoveBatchesAsync(database.Database, log.LogId, log.DurableMark, 0, CancellationToken.None);
        await PostgresLog.AppendAsync(log, "b");
        var bytes = new byte[reader.ReadDurableMark()];
        Assert.Equal(bytes.Length, reader.Read(0, bytes).Count);
        Assert.Equal(30, Encoding.UTF8.GetString(bytes).Split('\n').Length - 1);
    }
}
