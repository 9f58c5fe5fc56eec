using System.Numerics;

namespace RevenueAspire.Ledger.Tests;

public class LiveApplyTests
{
    /// <summary>Whether the database looks distributed, so that the statements for Citus run on plain Postgres.</summary>
    protected virtual bool IsDistributed => false;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M2_TryApplyAsync_moves_the_offsets_stores_rejects_and_adds_the_sums(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var source = await database.OpenLogAsync();
        var first = new TestDeltas(("user1", 27), ("user2", 58));
        Assert.True(await database.ApplyAsync(source.Id, 0, 100, first, [], 5, 5, LedgerDatabase.TailHash(100)));
        RejectedLine[] rejects = [new(120, 1, "not JSON", "{oops"u8.ToArray())];
        var second = new TestDeltas(("user1", -7));
        Assert.True(await database.ApplyAsync(source.Id, 100, 160, second, rejects, 2, 1, LedgerDatabase.TailHash(160)));

        Assert.Equal("20", await database.Queries.FindRevenueAsync("user1", CancellationToken.None));
        Assert.Equal("58", await database.Queries.FindRevenueAsync("user2", CancellationToken.None));
        var now = await database.Registry.FindAsync(source.Id, CancellationToken.None);
        Assert.Equal((160, 160, 7, 6, 1), (now!.ClaimedThrough, now.AppliedThrough, now.LinesThrough, now.EventsThrough, now.RejectsThrough));
        Assert.True(now.TailHash.Span.SequenceEqual(LedgerDatabase.TailHash(160).Span));
        Assert.Equal("not JSON", await database.Queries.FindRejectReasonAsync(source.Id, 120, CancellationToken.None));
        Assert.Equal(7L, await database.ScalarAsync<long>("select line from rejected_event"));
        Assert.Equal("{oops", await database.ScalarAsync<string>("select beginning from rejected_event"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M2_TryApplyAsync_changes_nothing_at_other_offsets(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var source = await database.OpenLogAsync();
        var deltas = new TestDeltas(("user1", 1));
        RejectedLine[] rejects = [new(5, 0, "not JSON", default)];
        Assert.False(await database.ApplyAsync(source.Id, 10, 20, deltas, rejects, 1, 1));
        Assert.NotNull(await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 10, Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None));
        Assert.False(await database.ApplyAsync(source.Id, 0, 10, deltas, rejects, 1, 1));
        Assert.False(await database.ApplyAsync(source.Id, 10, 20, deltas, rejects, 1, 1));

        Assert.Empty(await database.BalancesAsync());
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from rejected_event"));
        Assert.Equal(0, await database.Queries.FindAppliedThroughAsync(source.Id, CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M2_one_of_several_concurrent_TryApplyAsync_of_a_range_wins(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var source = await database.OpenLogAsync();
        var deltas = TestDeltas.Numbered(50, i => i);
        for (var round = 0; round < 30; round++)
        {
            var wins = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => database.ApplyAsync(
                source.Id, round * 10, (round + 1) * 10, deltas, [new(round * 10, 0, "bad", default)], 2, 1)));
            Assert.Single(wins, true);
        }

        var balances = await database.BalancesAsync();
        Assert.All(Enumerable.Range(0, 50), i => Assert.Equal(30 * i, balances[$"user{i:d6}"]));
        Assert.Equal(30L, await database.ScalarAsync<long>("select count(*) from rejected_event"));
    }
}
