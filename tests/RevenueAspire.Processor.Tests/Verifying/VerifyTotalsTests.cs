using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Processor.Verifying;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Verifying;

/// <summary>The ledger's total is a sum over sources, so the totals of each source must be right, like the balances.</summary>
public sealed class VerifyTotalsTests
{
    [Theory]
    [InlineData("revenue_through", "revenue")]
    [InlineData("events_through", "events")]
    [InlineData("rejects_through", "rejects")]
    [InlineData("lines_through", "lines")]
    public async Task M13_a_wrong_total_of_a_source_is_reported_with_one_pass_and_with_many(string column, string total)
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = EventFile.Random(Seed.Random(nameof(M13_a_wrong_total_of_a_source_is_reported_with_one_pass_and_with_many)), 300, 60, badEvery: 10);
        var path = ledger.Write("a.jsonl", file.Bytes);
        await ledger.ProcessAsync(path);
        await ledger.ProcessAsync(path, again: true);
        await ledger.ExecuteAsync($"update event_source set {column} = {column} + 1 where generation = 2");
        foreach (var options in new[] { new ProcessorOptions(), new ProcessorOptions { MaxUsersInMemory = 10, BlockBytes = 200, MaxRejectsPerRange = 1 } })
        {
            var (result, differences) = await ledger.VerifyAsync(options, totalsDiffer: true);
            Assert.Empty(differences);
            var wrong = Assert.Single(result.Totals);
            Assert.Equal((path, 2, 0L, (long)file.Bytes.Length, total, wrong.Events + 1),
                (wrong.Source, wrong.Generation, wrong.From, wrong.Through, wrong.Counter, wrong.Table));
        }
    }

    [Fact]
    public async Task M13_a_wrong_total_of_a_partly_merged_range_is_reported()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1).Add("b", 2).Add("c", 4);
        var path = ledger.Write("a.jsonl", file.Bytes);

        // The merge stops at b, so a is in the table, but nothing is closed.
        await ledger.ExecuteAsync("alter table users_revenue add constraint no_b check (user_id <> 'b')");
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => ledger.ProcessAsync(path, new ProcessorOptions { MergeBatchRows = 1, Connections = 1 }));
        Assert.Equal(["a"], (await ledger.BalancesAsync()).Keys);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);

        await ledger.ExecuteAsync("update event_range set revenue = revenue - 1");
        var (result, differences) = await ledger.VerifyAsync(totalsDiffer: true);
        Assert.Empty(differences);
        Assert.Equal(new TotalDifference(Assert.Single(result.Totals).SourceId, path, 1, 0, file.Bytes.Length, "revenue", 6, 7), Assert.Single(result.Totals));
    }

    [Fact]
    public async Task A_log_without_its_beginning_has_no_totals_to_compare()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"), segmentBytes: 1 << 16);
        await log.AppendManyAsync();

        await LogFollowing.FollowOnceAsync(ledger, log);
        Assert.Empty((await ledger.VerifyAsync()).Result.Totals);
        await ledger.ExecuteAsync("update event_source set revenue_through = 0");
        Assert.Single((await ledger.VerifyAsync(totalsDiffer: true)).Result.Totals);
        Assert.True(log.RemoveApplied(log.Mark) > 0);
        Assert.Empty((await ledger.VerifyAsync()).Result.Totals);
    }

    [Fact]
    public async Task A_non_integer_total_of_a_source_is_reported()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("a.jsonl", new EventFile().Add("a", 1).Bytes));
        await ledger.ExecuteAsync("update event_source set revenue_through = 1.5");
        Assert.Contains("1.5", (await Assert.ThrowsAsync<RevenueAspire.Ledger.LedgerException>(() => ledger.VerifyAsync())).Message, StringComparison.Ordinal);
    }
}
