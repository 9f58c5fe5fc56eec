using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Postgres.Reading;
using RevenueAspire.EventLog.Postgres.Writing;

namespace RevenueAspire.EventLog.Postgres.Tests;

/// <summary>The rows that remain of ended processes, regardless of their number.</summary>
public sealed class RetentionTests
{
    private const int Processes = 12, Commits = 3, CommitBytes = 1_000;

    [Fact]
    public async Task Without_retention_each_ended_process_leaves_one_row_and_no_byte_is_lost()
    {
        await using var database = await PostgresLog.CreateAsync();
        var ids = await RunProcessesAsync(database);
        var before = ids.ConvertAll(id => database.Read(id));
        await RunAsync(database, LogRetention.Off);

        Assert.Equal((long)Processes, await database.ScalarAsync<long>("select count(*) from event_log_batch"));
        Assert.Equal(before, ids.ConvertAll(id => database.Read(id)));
    }

    [Fact]
    public async Task L10_with_retention_all_ended_processes_together_keep_at_most_RetainBytes()
    {
        await using var database = await PostgresLog.CreateAsync();
        var ids = await RunProcessesAsync(database);
        await RunTwiceAsync(database, retainBytes: 7_500);

        // The third log is now a single row, and retention should keep only a part of it.
        Assert.Equal(9_000m, await database.ScalarAsync<decimal>("select sum(to_offset - from_offset) from event_log_batch"));
        Assert.Equal(3, (await PostgresLogs.ListAsync(database.Database, CancellationToken.None)).TakeLast(3).Count(log => log.FirstOffset < log.End));

        await RunTwiceAsync(database, retainBytes: 0);
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from event_log_batch"));
        var log = await database.OpenAsync();
        Assert.Equal(ReceiptLookup.Record, await log.LookUpAsync(new Receipt(ids[0], 0), CancellationToken.None));
    }

    [Fact]
    public async Task L10_a_log_that_is_not_applied_stays_unchanged()
    {
        await using var database = await PostgresLog.CreateAsync();
        await RunProcessesAsync(database);
        await RunTwiceAsync(database, retainBytes: 0, applied: null);
        await RunTwiceAsync(database, retainBytes: 0, applied: (Commits * CommitBytes) - 1);
        Assert.Equal((long)Processes * Commits, await database.ScalarAsync<long>("select count(*) from event_log_batch"));
    }

    [Fact]
    public async Task More_rows_than_one_statement_lists_also_become_one()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        var id = log.LogId;
        await log.DisposeAsync();
        var line = "{\"a\":1}\n"u8.ToArray();
        await database.ExecuteAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            insert into event_log_batch
            select '{id}', n * {line.Length}, (n + 1) * {line.Length}, 0, {Crc32C.Compute(line)}, '\x{Convert.ToHexString(line)}'
            from generate_series(0, 4099) n;
            update event_log set end_offset = 4100 * {line.Length} where log_id = '{id}'
            """));

        Assert.Equal(4099, await LogCompaction.RunAsync(database.Database, id, long.MaxValue, CancellationToken.None));
        Assert.Equal(string.Concat(Enumerable.Repeat(Encoding.UTF8.GetString(line), 4100)), database.Read(id));
    }

    [Fact]
    public void A_merged_batch_replaces_its_parts_in_the_cache()
    {
        var cache = new BatchCache(1000);
        var (first, second, merged, next) = (Batch(0, 10), Batch(10, 20), Batch(0, 20), Batch(20, 30));
        cache.Add(first);
        cache.Add(next);
        cache.Add(second);
        Assert.Same(second, cache.Find(15));
        cache.Add(merged);
        Assert.Same(merged, cache.Find(15));
        Assert.Same(merged, cache.Find(5));
        Assert.Same(next, cache.Find(20));
        Assert.Null(cache.Find(30));

        static StoredBatch Batch(long from, long to) => new(from, to, new byte[to - from], null);
    }

    /// <summary>Runs two passes: the second may remove logs that the first found completely applied.</summary>
    private static Task RunTwiceAsync(PostgresLog database, long retainBytes, long? applied = Commits * CommitBytes) =>
        RunAsync(database, LogRetention.Applied, retainBytes, applied, passes: 2);

    private static async Task RunAsync(
        PostgresLog database, LogRetention retention, long retainBytes = 0, long? applied = Commits * CommitBytes, int passes = 1)
    {
        var log = new PostgresLogRetention(database.Database, new EventLogOptions { Retention = retention, RetainBytes = retainBytes }, NullLogger.Instance);
        for (var pass = 0; pass < passes; pass++)
        {
            await log.RemoveAppliedAsync((_, _) => Task.FromResult(applied), CancellationToken.None);
        }
    }

    /// <summary>Each process appends and ends.</summary>
    private static async Task<List<Guid>> RunProcessesAsync(PostgresLog database)
    {
        var ids = new List<Guid>();
        for (var process = 0; process < Processes; process++)
        {
            var (session, _) = await LogSession.OpenAsync(database.Database, null, "test", CancellationToken.None);
            await using var mine = session;
            for (var i = 0; i < Commits; i++)
            {
                using var commit = Batch.Of(session.End, Encoding.UTF8.GetBytes($"{process} {i}".PadRight(CommitBytes - 1) + "\n"));
                Assert.True((await session.AppendAsync(commit)).Moved);
            }

            await session.CloseLogAsync(CancellationToken.None);
            ids.Add(session.LogId);
        }

        return ids;
    }
}
