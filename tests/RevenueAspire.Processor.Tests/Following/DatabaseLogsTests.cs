using System.Numerics;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Following;

/// <summary>Logs in the database, many of which start and end.</summary>
public sealed class DatabaseLogsTests
{
    private const int Writers = 3, Rounds = 4, Appends = 25;

    [Theory]
    [InlineData(LogRetention.Off)]
    [InlineData(LogRetention.Applied)]
    public async Task Logs_that_start_and_end_under_load_each_count_once_while_retention_runs(LogRetention retention)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("EventLog:Engine", "Postgres")]).Build();
        using var lifetime = new Lifetime();
        var services = Enumerable.Range(0, 2).Select(_ => new FollowerService(
            ledger.Database, new SessionDatabase(ledger.Database, isSeparate: false), ledger.Services(), configuration, TimeProvider.System,
            new HistoryOptions(), lifetime.Of, NullLogger<FollowerService>.Instance)).ToArray();
        var queries = new LedgerQueries(ledger.Database);
        var logRetention = new PostgresLogRetention(
            ledger.Database, new EventLogOptions { Retention = retention, RetainBytes = 0 }, NullLogger<PostgresLogRetention>.Instance);
        try
        {
            await Task.WhenAll(services.Select(service => service.StartAsync(CancellationToken.None)));
            var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(ledger.Database, writer))));
            while (!writing.IsCompleted)
            {
                // Before the first process has started, there are no log tables for retention.
                await Task.Delay(50);
                if (await ledger.ScalarAsync<bool>("select to_regclass('event_log_memory') is not null"))
                {
                    await logRetention.RemoveAppliedAsync(queries.FindAppliedThroughAsync, CancellationToken.None);
                }
            }

            await writing;
            await Eventually.EqualsAsync(0L, () => ledger.ScalarAsync<long>(
                "select count(*) from event_log l left join event_source s on s.source_id = l.log_id where coalesce(s.applied_through, 0) < l.end_offset"));
        }
        finally
        {
            await Task.WhenAll(services.Select(service => service.StopAsync(CancellationToken.None)));
            Array.ForEach(services, service => service.Dispose());
        }

        Assert.All(services, service => Assert.Null(service.Refusal));
        Assert.Equal(
            Enumerable.Range(0, Writers).ToDictionary(writer => $"user{writer}", _ => (BigInteger)Rounds * Appends * (Appends + 1) / 2).OrderBy(
                pair => pair.Key),
            (await ledger.BalancesAsync()).OrderBy(pair => pair.Key));
        await logRetention.RemoveAppliedAsync(queries.FindAppliedThroughAsync, CancellationToken.None);
        await logRetention.RemoveAppliedAsync(queries.FindAppliedThroughAsync, CancellationToken.None);
        Assert.Equal(retention == LogRetention.Off ? Writers * Rounds : 0L, await ledger.CountAsync("event_log_batch"));

        // Without removal, verify recomputes every balance; otherwise, it reports the part that it could not check.
        var (result, differences) = await ledger.VerifyAsync();
        Assert.Empty(differences);
        Assert.Equal(retention == LogRetention.Off ? 0 : Writers * Rounds, result.Reports.Count(report => report.IsRemoved));
    }

    [Fact]
    public async Task Metrics_need_no_database_and_do_not_disturb_a_waiting_reader()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var one = NpgsqlDataSource.Create(ledger.ConnectionString + ";Maximum Pool Size=1;Timeout=1");
        await using var log = await OpenAsync(ledger.Database);
        var signal = new LogNotifications(one, TimeProvider.System, NullLogger.Instance);
        using var followed = LogSourceReader.Open(one, signal, log.LogId);
        Assert.Equal(0, followed.ReadEnd());
        Assert.Equal(AppendStatus.Appended, (await log.AppendAsync(Group("a", 1), CancellationToken.None)).Status);
        var mark = followed.ReadEnd();

        // The only connection is in use, so any query would wait.
        await using (await one.OpenConnectionAsync())
        {
            Assert.Equal(mark, followed.EstimateEnd());
            signal.UpdateEnds(new Dictionary<Guid, long> { [log.LogId] = mark + 1 });
            Assert.Equal(mark + 1, followed.EstimateEnd());
            Assert.Throws<IOException>(() => followed.ReadEnd());
        }
    }

    [Fact]
    public async Task A_finished_log_is_checked_every_ten_seconds_and_applied_again_after_the_ledger_lost_it()
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        var time = new ManualClock();
        var logs = new DatabaseLogs(ledger.Database, new SessionDatabase(ledger.Database, isSeparate: false), ledger.Services(), time,
            NullLogger.Instance, (name, reason) => Assert.Fail($"{name}: {reason}"));
        await WriteAsync(ledger.Database, writer: 0, rounds: 1);
        var logId = await ledger.ScalarAsync<Guid>("select log_id from event_log");
        using (Assert.Single(await logs.OpenAsync(_ => false, CancellationToken.None)))
        {
            Assert.False(logs.IsFinished(logId));
        }

        await ledger.Sources.OpenLogAsync(logId, PostgresLogs.SourceName(logId), CancellationToken.None);
        await ledger.ExecuteAsync("update event_source set (claimed_through, applied_through) = (select end_offset, end_offset from event_log)");
        Assert.Empty(await logs.OpenAsync(_ => false, CancellationToken.None));
        Assert.True(logs.IsFinished(logId));

        await ledger.ExecuteAsync("update event_source set claimed_through = 0, applied_through = 0");
        time.Now += TimeSpan.FromSeconds(9);
        Assert.Empty(await logs.OpenAsync(_ => false, CancellationToken.None));
        time.Now += TimeSpan.FromSeconds(1);
        using var again = Assert.Single(await logs.OpenAsync(_ => false, CancellationToken.None));
        Assert.Equal(logId, again.LogId);
    }

    /// <summary>One API process after the other, each with a separate log.</summary>
    private static async Task WriteAsync(NpgsqlDataSource database, int writer, int rounds = Rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            await using var log = await OpenAsync(database);
            for (var i = 1; i <= Appends; i++)
            {
                Assert.Equal(AppendStatus.Appended, (await log.AppendAsync(Group($"user{writer}", i), CancellationToken.None)).Status);
            }
        }
    }

    private static async Task<EventLogWriter> OpenAsync(NpgsqlDataSource database)
    {
        var log = PostgresLogStore.StartWriter(database, new EventLogOptions(), NullLoggerFactory.Instance);
        await Eventually.IsTrueAsync(() => log.Status.State == WriterState.Running);
        return log;
    }

    private static AppendGroup Group(string user, int value)
    {
        var builder = new AppendGroupBuilder(EventTypes.Default, TimeProvider.System);
        Assert.Equal(ParseOutcome.Event, builder.Add(Encoding.UTF8.GetBytes($$"""{"userId":"{{user}}","name":"add_revenue","value":{{value}}}"""), out _));
        return builder.Build();
    }

    private sealed class Lifetime : IDisposable
    {
        public ApplicationLifetime Of { get; } = new(NullLogger<ApplicationLifetime>.Instance);

        public void Dispose() => Of.StopApplication();
    }
}
