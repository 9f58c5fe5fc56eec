using Npgsql;

namespace RevenueAspire.Ledger.Tests;

public class RangeCloseTests
{
    /// <summary>Whether the database looks distributed, so that the statements for Citus run on plain Postgres.</summary>
    protected virtual bool IsDistributed => false;

    private static readonly TimeSpan Lease = LedgerDatabase.Lease;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M7_M8_CloseAsync_closes_the_contiguous_finished_ranges_and_makes_lines_absolute(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var source = await database.OpenLogAsync();

        // Ten lines are already applied live, so the line numbers continue after them.
        await database.ApplyAsync(source.Id, 0, 100, new TestDeltas(("user0", 10)), [], 10, 10);
        var ranges = new List<EventRange>();
        for (var i = 1; i <= 4; i++)
        {
            var range = (await RangeClaims.TryClaimAsync(database.Source, source.Id, i * 100, (i * 100) + 100, Guid.NewGuid(), Lease, CancellationToken.None))!;
            RejectedLine[] rejects = [new((i * 100) + 5, 2, "bad", default), new((i * 100) + 9, 4, "bad", default)];
            ranges.Add((await RangeFreeze.TryFreezeAsync(
                database.Source, range, LedgerDatabase.Frozen(range, new TestDeltas(($"user{i}", i)), 1, rejects, lines: 5 + i), CancellationToken.None))!);
        }

        // A processor merges the third range and dies before the close. The fourth range keeps its rejects for later.
        await FinishAsync(2);
        Assert.Equal((100, 4), await database.CloseAsync(source.Id));
        Assert.True(
            await PartMerge.MergeAsync(database.Source, ranges[3].Id, ranges[3].Frozen!.Parts[0], new TestDeltas(("user4", 4)), 10,
                database.History, CancellationToken.None));
        await FinishAsync(0);
        Assert.Equal((200, 3), await database.CloseAsync(source.Id));
        await FinishAsync(1);
        Assert.Equal((400, 1), await database.CloseAsync(source.Id));
        var now = (await database.Registry.FindAsync(source.Id, CancellationToken.None))!;
        Assert.Equal(
            (500, 400, 10 + 6 + 7 + 8, 10 + 4 + 5 + 6, 6), (now.ClaimedThrough, now.AppliedThrough, now.LinesThrough, now.EventsThrough, now.RejectsThrough));
        Assert.Equal(LedgerDatabase.TailHash(400).ToArray(), now.TailHash.ToArray());

        await MergeRejectsAsync(3);
        Assert.Equal((500, 0), await database.CloseAsync(source.Id));
        Assert.Equal((500, 0), await database.CloseAsync(source.Id));

        // Lines of a source count from 1, and lines of a range from 0. So after ten lines, the range's line 2 is the source's line 13.
        Assert.Equal("105:13 109:15 205:19 209:21 305:26 309:28 405:34 409:36",
            await database.ScalarAsync<string>(
                """select string_agg("offset" || ':' || line, ' ' order by "offset") from rejected_event where range_id is null"""));
        Assert.Equal(0L, await database.ScalarAsync<long>("select (select count(*) from event_range) + (select count(*) from event_part)"));

        async Task FinishAsync(int index)
        {
            var deltas = new TestDeltas(($"user{index + 1}", index + 1));
            Assert.True(await PartMerge.MergeAsync(database.Source, ranges[index].Id, ranges[index].Frozen!.Parts[0], deltas, 10,
                database.History, CancellationToken.None));
            await MergeRejectsAsync(index);
        }

        async Task MergeRejectsAsync(int index)
        {
            var from = ranges[index].From;
            Assert.True(await RejectMerge.MergeAsync(database.Source,
                source.Id, ranges[index].Id, -1, [new(from + 5, 2, "bad", default), new(from + 9, 4, "bad", default)], CancellationToken.None));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M8_any_number_of_rejects_is_numbered_in_bounded_steps_even_by_several_processors_at_once(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var source = await database.OpenLogAsync();
        await database.ApplyAsync(source.Id, 0, 100, new TestDeltas(("user0", 10)), [], 10, 10);
        var claimed = (await RangeClaims.TryClaimAsync(database.Source, source.Id, 100, 20_100, Guid.NewGuid(), Lease, CancellationToken.None))!;
        var rejects = Enumerable.Range(0, 12_000).Select(line => new RejectedLine(100 + line, line, "bad", default)).ToArray();
        var range = (await RangeFreeze.TryFreezeAsync(
            database.Source, claimed, LedgerDatabase.Frozen(claimed, new TestDeltas(), 1, rejects, lines: 12_000), CancellationToken.None))!;
        Assert.True(await RejectMerge.MergeAsync(database.Source, source.Id, range.Id, -1, rejects, CancellationToken.None));
        await database.ExecuteAsync(
            """
            create table steps (rows bigint);
            create function note() returns trigger language plpgsql as $$ begin insert into steps select count(*) from changed; return null; end $$;
            create trigger note after update on rejected_event referencing new table as changed for each statement execute function note()
            """);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => database.CloseAsync(source.Id)));
        Assert.Equal("11 12010 12000 0", await database.ScalarAsync<string>(
            "select min(line) || ' ' || max(line) || ' ' || count(distinct line) || ' ' || count(range_id) from rejected_event"));
        Assert.Equal(20_100, (await database.Registry.FindAsync(source.Id, CancellationToken.None))!.AppliedThrough);
        Assert.Equal("5000 12000", await database.ScalarAsync<string>("select max(rows) || ' ' || sum(rows) from steps"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M7_claims_freezes_and_closes_commit_synchronously_regardless_of_the_databases_setting(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        await database.ExecuteAsync(
            """
            do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$;
            create table commits (how text);
            create function note() returns trigger language plpgsql as $$ begin insert into commits values (current_setting('synchronous_commit'));
              return null; end $$;
            create trigger note after insert or update or delete on event_range for each statement execute function note();
            create trigger note_digest after insert on event_source_digest for each statement execute function note();
            create trigger note_reject after insert on rejected_event for each statement execute function note()
            """);
        await using var fresh =
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = "after the change" }.ConnectionString);
        var registry = new SourceRegistry(fresh);
        var source = (await registry.ResolveFileAsync(Guid.NewGuid(), "/f", [new FileDigest(100, new byte[32])], CancellationToken.None)).Sources.Single();
        var claimed = (await RangeClaims.TryClaimAsync(fresh, source.Id, 0, 100, Guid.NewGuid(), Lease, CancellationToken.None))!;
        RejectedLine[] rejects = [new(5, 0, "bad", default)];
        var range = (await RangeFreeze.TryFreezeAsync(fresh, claimed, LedgerDatabase.Frozen(claimed, new TestDeltas(), 1, rejects), CancellationToken.None))!;
        Assert.True(await RejectMerge.MergeAsync(fresh, source.Id, range.Id, -1, rejects, CancellationToken.None));
        Assert.Equal(100, await RangeClose.CloseAsync(fresh, source.Id, LedgerDatabase.TailHash, CancellationToken.None));
        Assert.Equal("on", await database.ScalarAsync<string>("select string_agg(distinct how, ' ') from commits"));
        Assert.Equal(range.Frozen!.TypesHash.ToArray(), (await registry.FindAsync(source.Id, CancellationToken.None))!.TypesHash.ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M7_concurrent_closes_count_each_range_once(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var source = await database.OpenLogAsync();
        var deltas = new TestDeltas(("user1", 1));
        for (var i = 0; i < 40; i++)
        {
            var claimed = (await RangeClaims.TryClaimAsync(database.Source, source.Id, i * 10, (i * 10) + 10, Guid.NewGuid(), Lease, CancellationToken.None))!;
            var range = (
                await RangeFreeze.TryFreezeAsync(database.Source, claimed, LedgerDatabase.Frozen(claimed, deltas, 1, lines: 3), CancellationToken.None))!;
            var merge = PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, database.History, CancellationToken.None);
            await Task.WhenAll([merge, .. Enumerable.Range(0, 3).Select(_ => database.CloseAsync(source.Id))]);
        }

        Assert.Equal((400, 0), await database.CloseAsync(source.Id));
        var now = (await database.Registry.FindAsync(source.Id, CancellationToken.None))!;
        Assert.Equal((120, 120), (now.LinesThrough, now.EventsThrough));
        Assert.Equal("40", await database.Queries.FindRevenueAsync("user1", CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M7_a_range_without_users_and_rejects_closes_at_once(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var range = await database.FreezeAsync(new TestDeltas(), parts: 1);
        Assert.Empty(range.Frozen!.Parts);
        Assert.True(await RejectMerge.MergeAsync(database.Source, range.SourceId, range.Id, -1, [], CancellationToken.None));
        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
    }

    [Fact]
    public async Task M7_a_range_is_not_closed_if_a_crash_resets_its_watermark_between_check_and_close()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var deltas = TestDeltas.Numbered(4, i => i);
        var range = await database.FreezeAsync(deltas, parts: 1);
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None));
        var checks = 0;
        var result = await RangeClose.CloseAsync(database.Source,
            range.SourceId,
            offset =>
            {
                // Runs between the check and the close.
                checks++;
                database.ExecuteAsync("update event_part set merged_through = ''").GetAwaiter().GetResult();
                return LedgerDatabase.TailHash(offset);
            },
            CancellationToken.None);
        Assert.Equal((0, 1), (result, checks));
        Assert.NotNull(await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None));
    }

    [Fact]
    public async Task CloseAsync_of_an_unknown_source_throws()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.CloseAsync(Guid.NewGuid()));
    }
}
