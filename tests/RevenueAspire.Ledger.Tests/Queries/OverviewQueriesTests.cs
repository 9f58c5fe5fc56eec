using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public sealed class OverviewQueriesTests
{
    [Fact]
    public async Task An_empty_ledger_has_a_total_of_zero()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var queries = new OverviewQueries(database.Source);
        var overview = await queries.ReadAsync([Guid.NewGuid()], 5, CancellationToken.None);
        Assert.Equal(("0", 0L, 0L, 0), (overview.TotalRevenue, overview.Events, overview.RejectedLines, overview.ProcessorsAtWork));
        Assert.Empty(overview.AppliedThrough);
        Assert.Empty(overview.LatestRejects);
        Assert.Empty((await queries.FindTopUsersAsync(5, TimeSpan.FromSeconds(10), CancellationToken.None))!);
    }

    [Fact]
    public async Task The_overview_adds_up_live_ranges_and_closed_ones_and_shows_the_latest_rejects_first()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var queries = new OverviewQueries(database.Source);
        var log = await database.OpenLogAsync();
        RejectedLine[] two = [new(10, 1, "first", "a"u8.ToArray()), new(20, 2, "second", "b"u8.ToArray())];
        Assert.True(await database.ApplyAsync(log.Id, 0, 100, new TestDeltas(("user1", long.MaxValue), ("user2", 10)), two, 5, 3));
        var deltas = new TestDeltas(("user1", long.MaxValue), ("user3", -4));
        RejectedLine[] one = [new(500, 7, "third", "c"u8.ToArray())];
        var range = await database.FreezeAsync(deltas, parts: 1, one);

        // Frozen, but nothing of it merged: no part of the total yet.
        var before = await queries.ReadAsync([log.Id, range.SourceId], 2, CancellationToken.None);
        Assert.Equal(("9223372036854775817", 3L, 2L), (before.TotalRevenue, before.Events, before.RejectedLines));
        Assert.Equal(["second", "first"], before.LatestRejects.Select(reject => reject.Reason));
        Assert.Equal((100, 0), (before.AppliedThrough[log.Id], before.AppliedThrough[range.SourceId]));

        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None));
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, one, CancellationToken.None));
        Assert.Null((await queries.ReadAsync([], 1, CancellationToken.None)).LatestRejects.Single().Line);
        await database.CloseAsync(range.SourceId);

        var after = await queries.ReadAsync([range.SourceId], 2, CancellationToken.None);
        Assert.Equal(("18446744073709551620", 12L, 3L), (after.TotalRevenue, after.Events, after.RejectedLines));
        Assert.Equal([("third", "c", (long?)8, 500), ("second", "b", 3, 20)],
            after.LatestRejects.Select(reject => (reject.Reason, reject.Beginning, reject.Line, reject.Offset)));
        Assert.Equal("/logs/a", after.LatestRejects[0].Source);
        Assert.Equal(1000, after.AppliedThrough[range.SourceId]);
        await database.AssertTotalAsync();
    }

    [Fact]
    public async Task Processors_at_work_are_those_with_a_lease_that_lasts()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var queries = new OverviewQueries(database.Source);
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        var log = await database.OpenLogAsync();
        Assert.True((await database.Registry.TryLeaseAsync(log.Id, first, LedgerDatabase.Lease, CancellationToken.None)).IsHeld);
        Assert.NotNull(await RangeClaims.TryClaimAsync(database.Source, log.Id, 0, 100, first, LedgerDatabase.Lease, CancellationToken.None));
        Assert.Equal(1, (await queries.ReadAsync([], 1, CancellationToken.None)).ProcessorsAtWork);
        Assert.NotNull(await RangeClaims.TryClaimAsync(database.Source, log.Id, 100, 200, second, LedgerDatabase.Lease, CancellationToken.None));
        Assert.Equal(2, (await queries.ReadAsync([], 1, CancellationToken.None)).ProcessorsAtWork);
        await database.ExecuteAsync("update event_range set lease_until = clock_timestamp() - interval '1 second'");
        await database.Registry.ReleaseAsync(log.Id, first, CancellationToken.None);
        Assert.Equal(0, (await queries.ReadAsync([], 1, CancellationToken.None)).ProcessorsAtWork);
    }

    [Fact]
    public async Task Top_users_come_highest_first_and_a_scan_that_takes_too_long_gives_none()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var queries = new OverviewQueries(database.Source);
        await database.ExecuteAsync("insert into users_revenue select 'user' || i, (i * 7919) % 100003 from generate_series(1, 200000) i");
        await database.ExecuteAsync("insert into users_revenue values ('rich', 340282366920938463463374607431768211456), ('poor', -1)");
        var top = await queries.FindTopUsersAsync(3, TimeSpan.FromSeconds(20), CancellationToken.None);
        Assert.Equal(new UserBalance("rich", "340282366920938463463374607431768211456"), top![0]);
        Assert.Equal(["100002", "100002"], top.Skip(1).Select(user => user.Revenue));

        Assert.Null(await queries.FindTopUsersAsync(3, TimeSpan.FromMilliseconds(1), CancellationToken.None));

        // The connection goes back as it came.
        Assert.Equal("0", await database.ScalarAsync<string>("show statement_timeout"));
    }

    [Fact]
    public async Task The_latest_rejects_are_found_by_an_index()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var log = await database.OpenLogAsync();
        await database.ExecuteAsync(
            $"""
            insert into rejected_event (source_id, "offset", line, reason, beginning, rejected_at)
            select '{log.Id}', i, i, 'r', 'b', now() - i * interval '1 second' from generate_series(1, 20000) i; analyze rejected_event
            """);
        await using var explain = database.Source.CreateCommand("explain " + OverviewQueries.Latest.Replace("$1", "8", StringComparison.Ordinal));
        await using var rows = await explain.ExecuteReaderAsync();
        var plan = "";
        while (await rows.ReadAsync())
        {
            plan += rows.GetString(0) + "\n";
        }

        Assert.Contains("rejected_event_latest", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on rejected_event", plan, StringComparison.Ordinal);
    }
}
