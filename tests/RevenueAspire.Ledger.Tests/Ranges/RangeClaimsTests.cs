namespace RevenueAspire.Ledger.Tests;

public sealed class RangeClaimsTests
{
    private static readonly TimeSpan Lease = LedgerDatabase.Lease;

    [Fact]
    public async Task M3_concurrent_claims_cover_the_source_without_gap_or_overlap()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var claimed = await Task.WhenAll(Enumerable.Range(0, 6).Select(async worker =>
        {
            var mine = new List<EventRange>();
            while (await database.Registry.FindAsync(source.Id, CancellationToken.None) is { ClaimedThrough: < 400 } now)
            {
                if (await RangeClaims.TryClaimAsync(
                    database.Source, source.Id, now.ClaimedThrough, now.ClaimedThrough + 10, Guid.NewGuid(), Lease, CancellationToken.None) is { } range)
                {
                    mine.Add(range);
                }
            }

            return mine;
        }));

        var ranges = claimed.SelectMany(mine => mine).OrderBy(range => range.From).ToList();
        Assert.Equal(40, ranges.Count);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => ((long)i * 10, (long)(i + 1) * 10)), ranges.Select(range => (range.From, range.To)));
        Assert.Equal(40, ranges.Select(range => range.Id).Distinct().Count());
    }

    [Fact]
    public async Task M3_a_claim_elsewhere_than_claimed_through_gets_nothing()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        Assert.Null(await RangeClaims.TryClaimAsync(database.Source, source.Id, 10, 20, Guid.NewGuid(), Lease, CancellationToken.None));
        Assert.Null(await RangeClaims.TryClaimAsync(database.Source, Guid.NewGuid(), 0, 20, Guid.NewGuid(), Lease, CancellationToken.None));
        Assert.NotNull(await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 20, Guid.NewGuid(), Lease, CancellationToken.None));
        Assert.Null(await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 20, Guid.NewGuid(), Lease, CancellationToken.None));
    }

    [Fact]
    public async Task M3_at_most_64_ranges_are_open_and_the_rest_of_a_range_may_come_on_top()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        EventRange? first = null;
        for (var i = 0; i < RangeClaims.MaxOpenRanges; i++)
        {
            var range = await RangeClaims.TryClaimAsync(database.Source, source.Id, i * 10, (i * 10) + 10, Guid.NewGuid(), Lease, CancellationToken.None);
            Assert.NotNull(range);
            first ??= range;
        }

        Assert.Null(await RangeClaims.TryClaimAsync(database.Source, source.Id, 640, 650, Guid.NewGuid(), Lease, CancellationToken.None));

        // Full: yet a range that ends early still gets its rest, or nothing could ever go on.
        var deltas = new TestDeltas(("user1", 1));
        var frozen = await RangeFreeze.TryFreezeAsync(database.Source, first!, LedgerDatabase.Frozen(first!, deltas, 1, end: 5), CancellationToken.None);
        Assert.NotNull(frozen);
        Assert.True(await PartMerge.MergeAsync(database.Source, frozen.Id, frozen.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None));
        Assert.Equal((5, 64), await database.CloseAsync(source.Id));
        Assert.Null(await RangeClaims.TryClaimAsync(database.Source, source.Id, 640, 650, Guid.NewGuid(), Lease, CancellationToken.None));

        Assert.Null(await RangeClaims.TryTakeOverAsync(database.Source, source.Id, Guid.NewGuid(), Lease, before: 5, CancellationToken.None));
        var rest = await RangeClaims.TryTakeOverAsync(database.Source, source.Id, Guid.NewGuid(), Lease, before: 6, CancellationToken.None);
        Assert.Equal((5, 10), (rest!.From, rest.To));
        await RangeFreeze.TryFreezeAsync(database.Source, rest, LedgerDatabase.Frozen(rest, new TestDeltas(), 1), CancellationToken.None);
        Assert.Equal((10, 63), await database.CloseAsync(source.Id));
        Assert.NotNull(await RangeClaims.TryClaimAsync(database.Source, source.Id, 640, 650, Guid.NewGuid(), Lease, CancellationToken.None));
    }

    [Fact]
    public async Task M3_a_range_is_taken_over_when_its_lease_is_free_ended_or_ends_too_far_ahead()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        var range = await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 10, first, Lease, CancellationToken.None);
        Assert.Null(await TakeOverAsync(second));

        await database.ExecuteAsync("update event_range set lease_until = clock_timestamp() - interval '1 ms'");
        Assert.Equal(range, await TakeOverAsync(second));
        Assert.Null(await TakeOverAsync(first));
        Assert.False(await RangeClaims.TryRenewAsync(database.Source, range!.Id, first, Lease, CancellationToken.None));
        Assert.True(await RangeClaims.TryRenewAsync(database.Source, range.Id, second, Lease, CancellationToken.None));

        // A clock that was set back leaves leases that would never end.
        await database.ExecuteAsync("update event_range set lease_until = clock_timestamp() + interval '1 year'");
        Assert.Equal(range, await TakeOverAsync(first));

        await RangeClaims.ReleaseAsync(database.Source, range.Id, second, CancellationToken.None);
        Assert.Null(await TakeOverAsync(second));
        await RangeClaims.ReleaseAsync(database.Source, range.Id, first, CancellationToken.None);
        Assert.Equal(range, await TakeOverAsync(second));
        Assert.False(await RangeClaims.TryRenewAsync(database.Source, Guid.NewGuid(), second, Lease, CancellationToken.None));

        Task<EventRange?> TakeOverAsync(Guid owner) =>
            RangeClaims.TryTakeOverAsync(database.Source, source.Id, owner, Lease, long.MaxValue, CancellationToken.None);
    }

    [Fact]
    public async Task M3_concurrent_take_overs_share_the_free_ranges()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        for (var i = 0; i < 12; i++)
        {
            var owner = Guid.NewGuid();
            var range = await RangeClaims.TryClaimAsync(database.Source, source.Id, i * 10, (i * 10) + 10, owner, Lease, CancellationToken.None);
            await RangeClaims.ReleaseAsync(database.Source, range!.Id, owner, CancellationToken.None);
        }

        var taken = await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            var mine = new List<EventRange>();
            while (await RangeClaims.TryTakeOverAsync(database.Source, source.Id, Guid.NewGuid(), Lease, long.MaxValue, CancellationToken.None) is { } range)
            {
                mine.Add(range);
            }

            return mine;
        }));

        // One may find all the others' rows locked at the moment and leave early; none is taken twice, and all are taken.
        var froms = taken.SelectMany(mine => mine).Select(range => range.From).Order().ToList();
        Assert.Equal(froms.Distinct(), froms);
        while (await RangeClaims.TryTakeOverAsync(database.Source, source.Id, Guid.NewGuid(), Lease, long.MaxValue, CancellationToken.None) is { } range)
        {
            froms.Add(range.From);
        }

        Assert.Equal(Enumerable.Range(0, 12).Select(i => (long)i * 10), froms.Order());
    }

    [Fact]
    public async Task M3_a_merged_range_needs_no_take_over_but_one_with_a_part_or_rejects_left_does()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = TestDeltas.Numbered(10, i => i);
        RejectedLine[] rejects = [new(7, 3, "bad", default)];
        var range = await database.FreezeAsync(deltas, parts: 2, rejects);
        await database.ExecuteAsync("update event_range set lease_owner = null, lease_until = null");

        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[1], deltas, 100, null, CancellationToken.None));
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, rejects, CancellationToken.None));
        await AssertTakenAsync();
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen.Parts[0], deltas, 100, null, CancellationToken.None));
        Assert.Null(await RangeClaims.TryTakeOverAsync(database.Source, range.SourceId, Guid.NewGuid(), Lease, long.MaxValue, CancellationToken.None));

        await database.ExecuteAsync("update event_range set rejects_merged_through = -1");
        await AssertTakenAsync();

        async Task AssertTakenAsync()
        {
            var taken = await RangeClaims.TryTakeOverAsync(database.Source, range.SourceId, Guid.NewGuid(), Lease, long.MaxValue, CancellationToken.None);
            Assert.Equal((range.Id, range.Frozen.End), (taken!.Id, taken.Frozen!.End));
            await database.ExecuteAsync("update event_range set lease_owner = null, lease_until = null");
        }
    }

    [Fact]
    public async Task M3_a_logs_lease_has_one_holder()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var owners = Enumerable.Range(0, 8).Select(_ => Guid.NewGuid()).ToList();
        var got = await Task.WhenAll(owners.Select(owner => database.Registry.TryLeaseAsync(source.Id, owner, Lease, CancellationToken.None)));
        Assert.Single(got, answer => answer.IsHeld);
        var holder = owners[Array.FindIndex(got, answer => answer.IsHeld)];
        var other = owners.First(owner => owner != holder);

        Assert.True((await database.Registry.TryLeaseAsync(source.Id, holder, Lease, CancellationToken.None)).IsHeld);
        await database.Registry.ReleaseAsync(source.Id, other, CancellationToken.None);
        Assert.False((await database.Registry.TryLeaseAsync(source.Id, other, Lease, CancellationToken.None)).IsHeld);
        await database.ExecuteAsync("update event_source set lease_until = clock_timestamp() - interval '1 ms'");
        Assert.True((await database.Registry.TryLeaseAsync(source.Id, other, Lease, CancellationToken.None)).IsHeld);
        await database.ExecuteAsync("update event_source set lease_until = clock_timestamp() + interval '31 s'");
        Assert.True((await database.Registry.TryLeaseAsync(source.Id, holder, Lease, CancellationToken.None)).IsHeld);
        await database.Registry.ReleaseAsync(source.Id, holder, CancellationToken.None);
        Assert.True((await database.Registry.TryLeaseAsync(source.Id, other, Lease, CancellationToken.None)).IsHeld);
        Assert.False((await database.Registry.TryLeaseAsync(Guid.NewGuid(), other, Lease, CancellationToken.None)).IsHeld);
    }

    [Fact]
    public async Task Polling_for_work_where_there_is_none_writes_nothing()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 10, Guid.NewGuid(), Lease, CancellationToken.None);
        await database.Registry.TryLeaseAsync(source.Id, Guid.NewGuid(), Lease, CancellationToken.None);

        // A transaction that writes takes a transaction id; other databases of the server may take some, hence the row versions instead of the counter.
        const string Versions =
            "select (select xmin::text || ctid::text || xmax::text from event_source) || (select xmin::text || ctid::text || xmax::text from event_range)";
        var before = await database.ScalarAsync<string>(Versions);
        Assert.Null(await RangeClaims.TryTakeOverAsync(database.Source, source.Id, Guid.NewGuid(), Lease, long.MaxValue, CancellationToken.None));
        Assert.False((await database.Registry.TryLeaseAsync(source.Id, Guid.NewGuid(), Lease, CancellationToken.None)).IsHeld);
        Assert.Equal((0, 1), await database.CloseAsync(source.Id));
        Assert.Equal(source.Id, (await database.Registry.OpenLogAsync(source.Id, source.Name, CancellationToken.None)).Id);
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        Assert.Equal(before, await database.ScalarAsync<string>(Versions));
    }
}
