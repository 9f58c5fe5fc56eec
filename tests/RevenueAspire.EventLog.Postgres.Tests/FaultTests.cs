using System.Collections.Concurrent;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class FaultTests
{
    private const string KillOthers = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> "
        + "pg_backend_pid()";

    [Fact]
    public async Task An_append_with_a_lost_result_is_read_back_before_its_caller_is_answered()
    {
        await using var database = await PostgresLog.CreateAsync();
        var random = Seed.Random(nameof(An_append_with_a_lost_result_is_read_back_before_its_caller_is_answered));
        await using var proxy = new FaultProxy(database.ConnectionString);
        proxy.CutRandomly(random, connections: 25, longest: 60);
        await using var through = NpgsqlDataSource.Create(proxy.Through(database.ConnectionString));
        var log = await database.OpenAsync(through: through);

        var acknowledged = await AppendUntilAsync(log, () => proxy.CutsLeft <= 0);

        Assert.True(proxy.LostAnswers > 0, $"{Seed.Hint}: {proxy.LostAnswers} lost answers");
        await AssertExactAsync(database, acknowledged);
    }

    [Fact]
    public async Task Killed_connections_neither_lose_nor_repeat_acknowledged_events()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        using var stop = new CancellationTokenSource();
        var killing = Task.Run(async () =>
        {
            await using var killer = NpgsqlDataSource.Create(database.ConnectionString);
            for (var i = 0; i < 25; i++)
            {
                await using var kill = killer.CreateCommand(KillOthers);
                await kill.ExecuteNonQueryAsync();
                await Task.Delay(40);
            }

            await stop.CancelAsync();
        });
        var acknowledged = await AppendUntilAsync(log, () => stop.IsCancellationRequested);
        await killing;
        await AssertExactAsync(database, acknowledged);
    }

    [Fact]
    public async Task When_another_process_closes_a_log_its_writer_begins_another()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        var first = await PostgresLog.AppendAsync(log, "a");
        await database.ExecuteAsync("update event_log set alive_until = now() - interval '1 second'");
        Assert.Equal(1, await PostgresLogRetention.CloseEndedAsync(database.Database, CancellationToken.None));

        var second = await Eventually.GetAsync<object>(
            async () => await PostgresLog.AppendAsync(log, "b") is { Status: AppendStatus.Appended } result ? result : null);

        Assert.NotEqual(first.Receipt.LogId, ((AppendResult)second).Receipt.LogId);
        Assert.Equal(log.LogId, ((AppendResult)second).Receipt.LogId);
        Assert.Equal(2, (await PostgresLogs.ListAsync(database.Database, CancellationToken.None)).Count);
        Assert.Equal(ReceiptLookup.Record, await log.LookUpAsync(first.Receipt, CancellationToken.None));
        var counts = await database.CountByUserAsync();
        Assert.Equal((1, 1), (counts["a"], counts["b"]));
    }

    [Fact]
    public async Task A_late_statement_of_an_earlier_session_changes_nothing()
    {
        await using var database = await PostgresLog.CreateAsync();
        var (late, _) = await Writing.LogSession.OpenAsync(database.Database, null, "test", CancellationToken.None);
        await using var first = late;
        var (now, end) = await Writing.LogSession.OpenAsync(database.Database, first.LogId, "test", CancellationToken.None);
        await using var second = now;
        Assert.Equal(0, end);
        using var commit = Writing.Batch.Of(0, "{}\n"u8);
        Assert.False((await first.AppendAsync(commit)).Moved);
        Assert.True((await second.AppendAsync(commit)).Moved);
        Assert.Equal("{}\n", database.Read(second.LogId));
    }

    [Fact]
    public async Task Appends_are_refused_without_a_database_and_accepted_once_it_is_available()
    {
        await using var database = await PostgresLog.CreateAsync();
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database;
        await using var admin = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = "postgres" }.ConnectionString);
        await using (var rename = admin.CreateCommand($"alter database {name} rename to {name}_renamed"))
        {
            await rename.ExecuteNonQueryAsync();
        }

        var log = PostgresLogStore.StartWriter(database.Database, new EventLogOptions(), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        await using (log)
        {
            await Eventually.IsTrueAsync(() => log.Status.Reason?.Contains("there is no such database", StringComparison.Ordinal) == true);
            Assert.Equal(AppendStatus.Unavailable, (await PostgresLog.AppendAsync(log, "a")).Status);
            await using (var back = admin.CreateCommand($"alter database {name}_renamed rename to {name}"))
            {
                await back.ExecuteNonQueryAsync();
            }

            await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
            Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "a")).Status);
            Assert.Null(log.Status.Reason);
        }
    }

    [Fact]
    public async Task A_write_refused_by_the_database_is_unavailable_and_never_appended()
    {
        await using var database = await PostgresLog.CreateAsync();
        var log = await database.OpenAsync();
        await database.ExecuteAsync("alter table event_log_batch add constraint no_more check (false) not valid");
        var refused = await PostgresLog.AppendAsync(log, "a", "key");
        Assert.Equal(AppendStatus.Unavailable, refused.Status);
        await database.ExecuteAsync("alter table event_log_batch drop constraint no_more");
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        Assert.Equal(AppendStatus.Appended, (await PostgresLog.AppendAsync(log, "a", "key")).Status);
        Assert.Equal(1, (await database.CountByUserAsync())["a"]);
    }

    /// <summary>Appends from several callers, each event with a separate user. Returns the acknowledged ones; the others may or may not be in the
    /// log.</summary>
    private static async Task<ConcurrentDictionary<string, Receipt>> AppendUntilAsync(EventLogWriter log, Func<bool> isEnough)
    {
        var acknowledged = new ConcurrentDictionary<string, Receipt>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async caller =>
        {
            // On a busy machine connections may be killed faster than they recover. Then continue until enough events are acknowledged.
            for (var i = 0; !isEnough() || acknowledged.Count <= 100; i++)
            {
                var user = $"u{caller}-{i}";
                var result = await PostgresLog.AppendAsync(log, user, i % 3 == 0 ? user : null);
                if (result.Status == AppendStatus.Appended)
                {
                    Assert.True(acknowledged.TryAdd(user, result.Receipt));
                }
                else
                {
                    Assert.Equal(AppendStatus.Unavailable, result.Status);
                    await Task.Delay(5);
                }
            }
        }));
        return acknowledged;
    }

    /// <summary>Each acknowledged event is in the log once, at its receipt. No refused event is in the log.</summary>
    private static async Task AssertExactAsync(PostgresLog database, ConcurrentDictionary<string, Receipt> acknowledged)
    {
        var counts = await database.CountByUserAsync();
        Assert.True(acknowledged.Count > 100, $"{Seed.Hint}: only {acknowledged.Count} events were acknowledged");
        Assert.True(counts.Values.All(count => count == 1), Seed.Hint);
        Assert.True(acknowledged.Keys.ToHashSet().SetEquals(counts.Keys), $"{Seed.Hint}: {acknowledged.Count} acknowledged, {counts.Count} in the log");
        foreach (var (user, receipt) in acknowledged)
        {
            using var reader = PostgresLogReader.Open(database.Database, receipt.LogId);
            var line = new byte[64];
            var read = reader.Read(receipt.Offset, line);
            Assert.Contains($"\"{user}\"", System.Text.Encoding.UTF8.GetString(line, 0, read.Count), StringComparison.Ordinal);
            break;
        }
    }
}
