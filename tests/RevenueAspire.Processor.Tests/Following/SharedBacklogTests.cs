using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;
using static RevenueAspire.Processor.Tests.Support.LogFollowing;

namespace RevenueAspire.Processor.Tests.Following;

public sealed class SharedBacklogTests
{
    [Fact]
    public async Task M2_M3_a_standby_helps_with_a_backlog_that_is_longer_than_a_live_range()
    {
        await using var ledger = await LedgerFixture.CreateAsync();
        await using var log = new TestLog(ledger.Folder.File("log"));
        var files = new List<EventFile> { new EventFile().Add("!first", 1) };
        for (var batch = 0; batch < 40; batch++)
        {
            files.Add(EventFile.Random(new Random(batch), 30, 50));
        }

        foreach (var file in files)
        {
            await log.AppendAsync(file.Bytes);
        }

        // The holder of the log's lease cannot finish the first range of the backlog, and holds the second one, which is already aggregated.
        await using var held = await HeldUsers.TakeAsync(ledger, "!first");
        using var stop = new CancellationTokenSource();
        var options = new ProcessorOptions { LiveRangeBytes = 1000, RangeBytes = 10_000, MergeBatchRows = 10 };
        var holder = FollowAsync(ledger, log.Directory, options, stop.Token);
        await Eventually.EqualsAsync(2L, () => ledger.ScalarAsync<long>("select count(*) from event_range where end_fixed is not null"));
        var standby = FollowAsync(ledger, log.Directory, options, stop.Token);
        await Eventually.IsTrueAsync(
            async () => await ledger.ScalarAsync<long>("select claimed_through from event_source") == log.Mark && await OpenAsync(ledger) == 2);
        Assert.Equal(2, await ledger.ScalarAsync<long>("select count(distinct lease_owner) from event_range"));
        Assert.Equal(0, await ledger.ScalarAsync<long>("select applied_through from event_source"));

        await held.ReleaseAsync();
        await AppliedAsync(ledger, log);
        await ledger.AssertBalancesAsync([.. files]);
        Assert.Equal(0, (await ledger.VerifyAsync()).Result.Differences);
        await stop.CancelAsync();
        await Task.WhenAll(holder, standby);
    }

    /// <summary>Number of ranges that are not fully merged.</summary>
    private static Task<long> OpenAsync(LedgerFixture ledger) => ledger.ScalarAsync<long>(
        "select count(*) from event_range r where end_fixed is null or rejects_merged_through < last_reject_offset or exists (select from event_part p where "
            + "p.range_id = r.range_id and p.merged_through <> p.upper_key)");
}
