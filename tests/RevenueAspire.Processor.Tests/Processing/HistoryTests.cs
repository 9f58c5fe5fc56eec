using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.History;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Processing;

/// <summary>The history of whole files. All other tests of files and logs also write it, and verify compares it.</summary>
public sealed class HistoryTests
{
    [Fact]
    public async Task A_file_that_counts_twice_is_in_the_history_twice_and_verify_compares_each_row()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var path = ledger.Write("a.jsonl", new EventFile().Add("a", 1).Add("b", 2).Add("a", 5).Bytes);
        await ledger.ProcessAsync(path);
        await ledger.ProcessAsync(path);
        await ledger.ProcessAsync(path, again: true);
        Assert.Equal(["1", "5", "1", "5"], await ValuesAsync(ledger, "a"));
        var (result, _) = await ledger.VerifyAsync();
        Assert.True(result.IsEqual, string.Join("; ", result.History!.Findings));
        Assert.Equal(4, result.History.Rows);
    }

    [Theory]
    [InlineData("delete from event_history where user_id = 'a'", "lacks add_revenue 1")]
    [InlineData("insert into event_history select nextval('history_seq'), at, 'b', 0, 2, '\\x02000100' from event_history where user_id = 'a'",
        "which is not in the source")]
    [InlineData("update event_history set balance = balance + 1 where user_id = 'a'", "users_revenue has 6")]
    [InlineData("update event_history set revenue = revenue + 1 where user_id = 'a'", "its revenue is 7")]
    [InlineData("update event_history set events = '\\x80' where user_id = 'a'", "bytes that are not events")]
    [InlineData("update history_type set name = 'other' where name = 'add_revenue'", "the source has add_revenue 1")]
    public async Task Verify_reports_a_manual_change(string change, string finding)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("a", 1).Add("b", 2).Add("a", 5).Bytes));
        await ledger.ExecuteAsync(change);
        var (result, _) = await ledger.VerifyAsync();
        Assert.Equal(3, result.ExitCode);
        Assert.Contains(result.History!.Findings, line => line.Contains(finding, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Build_adds_the_events_from_before_the_history_with_consistent_balances()
    {
        var random = Seed.Random(nameof(Build_adds_the_events_from_before_the_history_with_consistent_balances));
        for (var round = 0; round < 5; round++)
        {
            await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
            var options = LedgerFixture.Tiny(random);
            var old = EventFile.Random(random, 300, 40, badEvery: 10);
            var oldPath = ledger.Write("old.jsonl", old.Bytes);
            await ledger.ProcessAsync(oldPath, options);
            await ledger.ProcessAsync(oldPath, options, again: true);
            await using (var log = new TestLog(ledger.Folder.File("log")))
            {
                await log.AppendAsync(EventFile.Random(random, 200, 40).Bytes);
                await ApplyLogAsync(ledger, log, options);
            }

            await ledger.EnableHistoryAsync();
            await ledger.ProcessAsync(ledger.Write("new.jsonl", EventFile.Random(random, 300, 60).Bytes), options);
            Assert.True((await ledger.VerifyAsync()).Result.IsEqual, Seed.Hint);
            var before = await ledger.ScalarAsync<long>("select count(*) from user_event");

            var build = new HistoryBackfill(ledger.Database, EventTypes.Default, options, ledger.Services().History!);
            var result = await build.RunAsync([], CancellationToken.None);
            Assert.Empty(result.Unread);
            Assert.Equal(before + result.Events, await ledger.ScalarAsync<long>("select count(*) from user_event"));
            Assert.Equal(await ledger.ScalarAsync<long>("select sum(events_through)::bigint from event_source"), before + result.Events);
            Assert.Equal(0L, await ledger.ScalarAsync<long>("select count(*) from history_missing"));
            var (verified, _) = await ledger.VerifyAsync();
            Assert.True(verified.IsEqual, $"{string.Join("; ", verified.History!.Findings)}, {Seed.Hint}");

            // Each user's list starts at 0, so no event is missing.
            Assert.Equal(0L, await ledger.ScalarAsync<long>(
                "select count(*) from (select distinct on (user_id) balance - revenue as opening from event_history order by user_id, seq) as f "
                + "where opening <> 0"));
            Assert.Equal(0L, (await build.RunAsync([], CancellationToken.None)).Events);
        }
    }

    [Fact]
    public async Task Build_without_a_lost_file_leaves_its_events_as_the_opening_balance()
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        var lost = ledger.Write("lost.jsonl", new EventFile().Add("a", 100).Bytes);
        await ledger.ProcessAsync(lost);
        await ledger.ProcessAsync(ledger.Write("kept.jsonl", new EventFile().Add("a", 1).Add("b", 2).Bytes));
        await ledger.EnableHistoryAsync();
        File.Delete(lost);
        var result = await new HistoryBackfill(ledger.Database, EventTypes.Default, new ProcessorOptions(), ledger.Services().History!)
            .RunAsync([], CancellationToken.None);
        Assert.Contains("lost.jsonl", Assert.Single(result.Unread), StringComparison.Ordinal);
        Assert.Equal((2L, 100m), (result.Events, await ledger.ScalarAsync<decimal>("select balance - revenue from event_history where user_id = 'a'")));
        var (verified, _) = await ledger.VerifyAsync();
        Assert.Equal(1, verified.ExitCode);
        Assert.Empty(verified.History!.Findings);
    }

    [Fact]
    public async Task A_cancelled_build_changes_nothing()
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes));
        await ledger.EnableHistoryAsync();
        var writer = ledger.Services().History!;
        await using (var build = await HistoryBuild.BeginAsync(ledger.Database, writer, [new HistorySource(Guid.NewGuid(), false)], CancellationToken.None))
        {
            var one = new BuiltEvent(0, 0, new AppliedEvent(0, 0, 1, AppliedEvent.NoTime));
            await build.AddAsync(Encoding.UTF8.GetBytes("a"), 0, [one], CancellationToken.None);
            var second = await Assert.ThrowsAsync<LedgerException>(() => HistoryBuild.BeginAsync(ledger.Database, writer, [], CancellationToken.None));
            Assert.Contains("another 'history build'", second.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0L, await ledger.ScalarAsync<long>("select count(*) from event_history"));
        Assert.Equal(1L, await ledger.ScalarAsync<long>("select count(*) from history_missing"));
        Assert.True((await ledger.VerifyAsync()).Result.IsEqual);
    }

    [Fact]
    public async Task The_commands_build_keep_and_drop_the_history()
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: false);
        var path = ledger.Write("a.jsonl", new EventFile().Add("a\\b\t\n\r\"", 1).Add("b", long.MinValue).Add("b", long.MinValue).Bytes);
        await ledger.ProcessAsync(path);
        async Task<(int Code, string Output)> RunAsync(params string[] arguments)
        {
            await using var run = await ServiceProcess.RunAsync(
                "RevenueAspire.Processor", arguments, new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = ledger.ConnectionString });
            return (run.ExitCode, run.Output.Trim());
        }

        Assert.Equal((0, "Added 3 events in 2 rows."), await RunAsync("history", "build"));
        Assert.Equal((0, "The history contains all events."), await RunAsync("history", "build"));
        var (result, _) = await ledger.VerifyAsync();
        Assert.True(result.IsEqual, string.Join("; ", result.History!.Findings));
        Assert.Equal(2, result.History.Rows);
        Assert.Equal(0, (await RunAsync("history", "keep")).Code);
        Assert.Equal(0, (await RunAsync("process", path)).Code);
        Assert.Equal((0, "Added 3 events in 2 rows."), await RunAsync("history", "build"));
        Assert.Equal((0, "The history is removed."), await RunAsync("history", "drop"));
        Assert.Equal((0, "The ledger keeps no history."), await RunAsync("history", "drop"));
        Assert.Equal(2, (await RunAsync("history")).Code);
    }

    [Theory]
    [InlineData(true, null, true)]
    [InlineData(true, true, true)]
    [InlineData(false, null, false)]
    [InlineData(false, false, false)]
    [InlineData(false, true, true)]
    public async Task Without_a_setting_a_processor_follows_the_ledger(bool isKept, bool? enabled, bool writes)
    {
        await using var ledger = await LedgerFixture.CreateAsync(keepsHistory: isKept);
        var writer = await HistorySetup.RunAsync(ledger.Database, EventTypes.Default, new HistoryOptions { Enabled = enabled }, CancellationToken.None);
        Assert.Equal(writes, writer is not null);
    }

    [Fact]
    public async Task A_ledger_with_a_history_refuses_a_processor_with_the_setting_false()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var refused = await Assert.ThrowsAsync<LedgerException>(() => HistorySetup.RunAsync(
            ledger.Database, EventTypes.Default, new HistoryOptions { Enabled = false }, CancellationToken.None));
        Assert.Equal(LedgerHistory.Refusal, refused.Message);
    }

    private static async Task<List<string>> ValuesAsync(LedgerFixture ledger, string user)
    {
        var values = new List<string>();
        await using var read = ledger.Database.CreateCommand($"select value::text from user_event where user_id = '{user}' order by seq, \"offset\"");
        await using var rows = await read.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            values.Add(rows.GetString(0));
        }

        return values;
    }

    private static async Task ApplyLogAsync(LedgerFixture ledger, TestLog log, ProcessorOptions options)
    {
        using var reader = LogSourceReader.Open(log.Directory);
        await new LogProcess(ledger.Services(options)).RunAsync(
            reader, log.Directory, new RunProgress(log.Directory), CancellationToken.None);
    }
}
