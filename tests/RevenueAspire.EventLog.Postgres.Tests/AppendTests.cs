using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class AppendTests
{
    [Fact]
    public async Task Receipts_name_the_records_that_a_reader_finds()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        var results = new List<AppendResult>();
        foreach (var (user, count) in new[] { ("a", 1), ("b", 3), ("c", 1), ("d", 500) })
        {
            results.Add(await PostgresLog.AppendAsync(log, user, count: count, rejected: count / 100));
        }

        var text = database.Read(log.LogId, step: 100);
        Assert.Equal(log.DurableMark, text.Length);
        Assert.All(results, result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal((500, 5), (results[3].Accepted, results[3].RejectedCount));
        foreach (var (result, user) in results.Zip("abcd"))
        {
            Assert.Equal(log.LogId, result.Receipt.LogId);
            Assert.Equal(ReceiptLookup.Record, await log.LookUpAsync(result.Receipt, CancellationToken.None));
            Assert.Equal(ReceiptLookup.NoRecord, await log.LookUpAsync(result.Receipt with { Offset = result.Receipt.Offset + 1 }, CancellationToken.None));
            var line = text[(int)result.Receipt.Offset..text.IndexOf('\n', (int)result.Receipt.Offset)];
            Assert.Equal(user.ToString(), JsonDocument.Parse(line).RootElement.GetProperty("userId").GetString());
        }

        Assert.Equal(ReceiptLookup.NoRecord, await log.LookUpAsync(new Receipt(log.LogId, log.DurableMark), CancellationToken.None));
        Assert.Equal(ReceiptLookup.OtherLog, await log.LookUpAsync(new Receipt(Guid.NewGuid(), 0), CancellationToken.None));
    }

    [Fact]
    public async Task L3_the_bytes_are_those_of_the_engine_in_files()
    {
        await using var database = await PostgresLog.CreateAsync();
        using var folder = new TempDirectory();
        await using var files = EventLogWriter.Open(new EventLogOptions { Directory = folder.Path }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<EventLogWriter>.Instance);
        var log = await database.OpenAsync();
        foreach (var (user, key, count, rejected) in new[] { ("a", null, 1, 0), ("b", "k\"1", 1, 0), ("c", null, 40, 2), ("d", "k2", 7, 0), ("e", null, 1, 9) })
        {
            Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(files, user, key, count, rejected)).Status);
            Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, user, key, count, rejected)).Status);
        }

        using var reader = EventLogReader.Open(folder.Path);
        var bytes = new byte[reader.ReadDurableMark()];
        Assert.Equal(bytes.Length, reader.Read(0, bytes).Count);
        var expected = System.Text.Encoding.UTF8.GetString(bytes);
        Assert.Equal(WithoutTimesAndChecksums(expected), WithoutTimesAndChecksums(database.Read(log.LogId)));
        Assert.Equal(expected.Length, log.DurableMark);
    }

    [Fact]
    public async Task Many_callers_share_commits_and_each_gets_a_place_of_its_own()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        const int Callers = 200, Each = 20;
        var receipts = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
        {
            var mine = new List<Receipt>();
            for (var i = 0; i < Each; i++)
            {
                var result = await PostgresLog.AppendAsync(log, $"u{caller}");
                Assert.Equal(AppendStatus.Appended, result.Status);
                mine.Add(result.Receipt);
            }

            return mine;
        }));

        Assert.Equal(Callers * Each, receipts.SelectMany(mine => mine).Distinct().Count());
        var counts = await database.CountByUserAsync();
        Assert.Equal(Callers, counts.Count);
        Assert.All(counts.Values, count => Assert.Equal(Each, count));
        Assert.True(await database.ScalarAsync<long>("select count(*) from event_log_batch") < Callers * Each);
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from (select from_offset, lag(to_offset, 1, 0::bigint) over (order by from_offset) before from event_log_batch) b where from_offset <> before"));
    }

    [Fact]
    public async Task A_full_queue_refuses_and_what_was_accepted_completes()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync(new EventLogOptions { QueueCapacity = 10 });
        var id = log.LogId;
        await using var blocker = await database.Database.OpenConnectionAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var hold = new Npgsql.NpgsqlCommand($"select from event_log where log_id = '{id}' for update", blocker))
        {
            await hold.ExecuteNonQueryAsync();
        }

        var appends = Enumerable.Range(0, 15).Select(i => PostgresLog.AppendAsync(log, $"u{i}")).ToArray();
        var refused = await Task.WhenAll(appends.Where(append => append.IsCompleted));
        Assert.Equal(5, refused.Length);
        Assert.All(refused, result => Assert.Equal(AppendStatus.QueueFull, result.Status));
        await transaction.RollbackAsync();
        Assert.Equal(10, (await Task.WhenAll(appends)).Count(result => result.Status == AppendStatus.Appended));
        Assert.Equal(10, (await database.CountByUserAsync()).Values.Sum());
    }

    [Fact]
    public async Task Cancellation_ends_the_wait_and_never_the_write()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        using var gone = new CancellationTokenSource();
        var append = log.AppendAsync(PostgresLog.Group("a", "k"), gone.Token).AsTask();
        await gone.CancelAsync();
        await Task.WhenAny(append);
        var repeat = await PostgresLog.AppendAsync(log, "a", "k");
        Assert.Equal(AppendStatus.Repeated, repeat.Status);
        Assert.Equal(1, (await database.CountByUserAsync())["a"]);
    }

    [Fact]
    public async Task A_stop_answers_what_is_queued_and_closes_the_log_and_one_without_events_goes_later()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        await using (await database.OpenAsync())
        {
            Assert.Equal(2L, await database.ScalarAsync<long>("select count(*) from event_log"));
        }

        var appends = Enumerable.Range(0, 100).Select(i => PostgresLog.AppendAsync(log, "a")).ToArray();
        await log.DisposeAsync();
        Assert.All(await Task.WhenAll(appends), result => Assert.Equal(AppendStatus.Appended, result.Status));
        Assert.Equal(AppendStatus.Unavailable, (await PostgresLog.AppendAsync(log, "a")).Status);
        Assert.All(await PostgresLogs.ListAsync(database.Database, CancellationToken.None), closed => Assert.True(closed.IsClosed));
        await database.ExecuteAsync("update event_log set alive_until = now() - interval '2 minutes'");
        Assert.Equal(0, await PostgresLogCare.CloseEndedAsync(database.Database, CancellationToken.None));
        var only = Assert.Single(await PostgresLogs.ListAsync(database.Database, CancellationToken.None));
        Assert.True(only.IsClosed);
        Assert.Equal(100, (await database.CountByUserAsync())["a"]);
    }

    private static string WithoutTimesAndChecksums(string text) =>
        System.Text.RegularExpressions.Regex.Replace(text, "\"timestamp\":\"[^\"]*\"|\"crc\":\"[^\"]*\"", "");
}
