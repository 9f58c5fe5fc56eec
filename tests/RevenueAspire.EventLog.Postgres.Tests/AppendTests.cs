using System.Text.Json;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class AppendTests
{
    [Fact]
    public async Task L3_the_bytes_equal_those_of_the_file_store()
    {
        await using var database = await PostgresLog.CreateAsync();
        using var folder = new TempDirectory();
        await using var files = FileLogStore.Open(new EventLogOptions { Directory = folder.Path }, TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance).StartWriter();
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
    public async Task L4_callers_share_rows_with_consecutive_offsets()
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
        Assert.Equal(0L, await database.ScalarAsync<long>(
            "select count(*) from (select from_offset, lag(to_offset, 1, 0::bigint) over (order by from_offset) before from event_log_batch) b where "
            + "from_offset <> before"));
    }

    [Fact]
    public async Task A_stop_answers_queued_groups_and_closes_the_log_and_an_empty_log_is_removed_later()
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
        Assert.Equal(0, await PostgresLogRetention.CloseEndedAsync(database.Database, CancellationToken.None));
        var only = Assert.Single(await PostgresLogs.ListAsync(database.Database, CancellationToken.None));
        Assert.True(only.IsClosed);
        Assert.Equal(100, (await database.CountByUserAsync())["a"]);
    }

    private static string WithoutTimesAndChecksums(string text) =>
        System.Text.RegularExpressions.Regex.Replace(text, "\"timestamp\":\"[^\"]*\"|\"crc\":\"[^\"]*\"", "");
}
