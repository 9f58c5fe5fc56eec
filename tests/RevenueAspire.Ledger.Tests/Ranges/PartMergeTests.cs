using System.Numerics;
using System.Text;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public class PartMergeTests
{
    /// <summary>Whether the database looks distributed, so that the statements for Citus run on plain Postgres.</summary>
    protected virtual bool IsDistributed => false;

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(1, 1, true)]
    [InlineData(1, 100, false)]
    [InlineData(1, 100, true)]
    [InlineData(3, 7, false)]
    [InlineData(3, 7, true)]
    [InlineData(8, 4096, false)]
    [InlineData(8, 4096, true)]
    public async Task M5_MergePartAsync_adds_each_user_once_in_any_number_of_parts_and_batches(int parts, int batchRows, bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var deltas = TestDeltas.Numbered(100, i => i - 50);
        var range = await database.FreezeAsync(deltas, parts);
        Assert.Equal(parts, range.Frozen!.Parts.Count);

        foreach (var part in range.Frozen.Parts)
        {
            Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, batchRows, database.History, CancellationToken.None));
        }

        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
        var read = await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None);
        Assert.All(read!.Frozen!.Parts, part => Assert.True(part.MergedThrough.Span.SequenceEqual(part.UpperKey.Span)));

        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
        Assert.Null(await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None));
        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
    }

    [Fact]
    public async Task M5_a_merge_continues_after_the_watermark_and_a_stale_one_changes_nothing()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var deltas = TestDeltas.Numbered(100, _ => 1);
        var range = await database.FreezeAsync(deltas, parts: 2);
        var stale = range.Frozen!.Parts[1];

        // The state after a crash that followed the batch up to user000069 (the second part begins at user000050).
        await database.ExecuteAsync(
            "insert into users_revenue select 'user0000' || i, 1 from generate_series(50, 69) i; update event_part set "
                + "merged_through = 'user000069' where part_index = 1");
        Assert.False(await PartMerge.MergeAsync(database.Source, range.Id, stale, deltas, 10, null, CancellationToken.None));
        Assert.Equal(20, (await database.BalancesAsync()).Count);
        var now = (await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!.Frozen!.Parts[1];
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, now, deltas, 7, null, CancellationToken.None));
        Assert.Equal(Enumerable.Range(50, 50).Select(i => $"user{i:d6}"), (await database.BalancesAsync()).Keys);

        // The part is fully merged: another merge succeeds and adds nothing.
        now = (await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!.Frozen!.Parts[1];
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, now, deltas, 7, null, CancellationToken.None));
        Assert.All((await database.BalancesAsync()).Values, revenue => Assert.Equal(1, revenue));
        Assert.False(await PartMerge.MergeAsync(database.Source, Guid.NewGuid(), now, deltas, 7, null, CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_users_that_differ_from_the_frozen_ones_are_refused_before_anything_is_added(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var deltas = TestDeltas.Numbered(10, _ => 1);
        var range = await database.FreezeAsync(deltas, parts: 2);
        var part = range.Frozen!.Parts[1];
        var others = new TestDeltas(("a", 1), ("user000004", 1), ("user000009x", 1));
        await Assert.ThrowsAsync<InvalidOperationException>(() => PartMerge.MergeAsync(database.Source, range.Id, part, others, 10,
            database.History, CancellationToken.None));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => PartMerge.MergeAsync(database.Source, range.Id, part, new TestDeltas(("user000003", 1), ("user000009", 1)), 10,
                database.History, CancellationToken.None));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => PartMerge.MergeAsync(database.Source, range.Id, part with { UpperKey = "user000008"u8.ToArray() }, deltas, 10,
                database.History, CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentException>(() => PartMerge.MergeAsync(database.Source, range.Id, part, new Unsorted(), 10,
            database.History, CancellationToken.None));
        Assert.Empty(await database.BalancesAsync());
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, 10, database.History, CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_a_cancelled_merge_leaves_the_part_at_its_watermark(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var deltas = TestDeltas.Numbered(5000, _ => 1);
        var range = await database.FreezeAsync(deltas, parts: 1);
        using var cancel = new CancellationTokenSource();
        var watched = new CancelsAt(deltas, 2500, cancel);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], watched, 10, database.History, cancel.Token));
        var stands = Encoding.UTF8.GetString(
            (await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!.Frozen!.Parts[0].MergedThrough.Span);
        Assert.NotEqual("", stands);
        Assert.Equal(stands, (await database.BalancesAsync()).Keys.Last());
        await LedgerDatabase.MergeStubbornlyAsync(database.Source, range.Id, 0, deltas, 1000, database.History);
        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
    }

    [Fact]
    public async Task Sums_beyond_64_bits_are_exact()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var wide = new TestDeltas(
            ("a", long.MaxValue), ("b", (Int128)long.MaxValue + 1), ("c", Int128.MinValue), ("d", Int128.MaxValue), ("e", -1),
            ("f", (Int128)long.MinValue - 1), ("g", 0), ("h", 1_000_000));
        var narrow = new TestDeltas(("a", long.MaxValue), ("c", long.MinValue), ("g", 0));
        var range = await database.FreezeAsync(wide, parts: 2);
        foreach (var part in range.Frozen!.Parts)
        {
            Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, part, wide, 3, null, CancellationToken.None));
        }

        await database.CloseAsync(range.SourceId);
        Assert.True(await database.ApplyAsync(range.SourceId, 1000, 1100, narrow, [], 1, 1));
        Assert.True(await database.ApplyAsync(range.SourceId, 1100, 1200, wide, [], 1, 1));
        var expected = wide.Sums();
        narrow.AddTo(expected);
        wide.AddTo(expected);
        Assert.Equal(expected, await database.BalancesAsync());
        Assert.Equal(((2 * (BigInteger)Int128.MinValue) + long.MinValue).ToString(System.Globalization.CultureInfo.InvariantCulture),
            await database.Queries.FindRevenueAsync("c", CancellationToken.None));
        Assert.Equal("0", await database.Queries.FindRevenueAsync("g", CancellationToken.None));
        Assert.Equal("2000000", await database.Queries.FindRevenueAsync("h", CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_users_of_every_kind_of_UTF8_merge_in_the_order_of_their_bytes(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var random = Seed.Random(nameof(M5_users_of_every_kind_of_UTF8_merge_in_the_order_of_their_bytes));

        // In UTF-16, U+FF5E and U+FFFD sort after U+1F600, because its surrogates begin with D8. In UTF-8 bytes, they sort before it.
        string[] alphabet = ["a", "Z", "0", " ", "%", "/", "'", "\"", "\\", "{", "}", ",", "\u0001", "\n", "\u007f", "\u0080", "\u00e9", "e\u0301", "\u07ff",
            "\u0800", "\ud7ff", "\ue000",
            "\uff5e", "\ufffd", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff", "NULL", "."];
        var users = new HashSet<string>(alphabet, StringComparer.Ordinal) { new('x', 256), string.Concat(Enumerable.Repeat("\U0001f600", 64)) };
        while (users.Count < 800)
        {
            users.Add(string.Concat(Enumerable.Range(0, random.Next(1, 6)).Select(_ => alphabet[random.Next(alphabet.Length)])));
        }

        var deltas = new TestDeltas(users.Select(user => (user, (Int128)random.Next(-1000, 1000))));
        Assert.NotEqual(users.Order(StringComparer.Ordinal), Enumerable.Range(0, deltas.Count).Select(deltas.User));
        await database.ExecuteAsync(
            """
            create table arrival (position bigserial, user_id text collate "C");
            create function note_arrival() returns trigger language plpgsql as $$ begin insert into arrival (user_id) values (new.user_id); return new; end $$;
            create trigger note_arrival before insert on users_revenue for each row execute function note_arrival();
            """);
        var range = await database.FreezeAsync(deltas, parts: 4);
        foreach (var part in range.Frozen!.Parts)
        {
            Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, 17, database.History, CancellationToken.None), Seed.Hint);
        }

        Assert.Equal(deltas.Sums(), await database.BalancesAsync());

        // The database orders users like the processor: on insertion, by key, and in the snapshot. The order in storage may differ, because a short row may
        // fit on an earlier page.
        await using var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        var read = new List<string>();
        await foreach (var (user, _) in snapshot.ReadBalancesAsync(CancellationToken.None))
        {
            read.Add(Encoding.UTF8.GetString(user.Span));
        }

        Assert.Equal(Enumerable.Range(0, deltas.Count).Select(deltas.User), read);
        Assert.Equal(read, await database.ScalarAsync<string[]>("select array_agg(user_id order by position) from arrival"));
        foreach (var user in users.Where((_, i) => i % 40 == 0))
        {
            Assert.Equal(deltas.Sums()[user].ToString(System.Globalization.CultureInfo.InvariantCulture),
                await database.Queries.FindRevenueAsync(user, CancellationToken.None));
        }
    }

    private sealed class Unsorted : IndexedDeltas
    {
        public override int Count => 4;

        public override ReadOnlySpan<byte> UserId(int index) =>
            index switch { 0 => "user000004"u8, 1 => "user000007"u8, 2 => "user000006"u8, _ => "user000009"u8 };

        public override Int128 Delta(int index) => 1;
    }

    private sealed class CancelsAt(IndexedDeltas deltas, int index, CancellationTokenSource cancel) : IndexedDeltas
    {
        public override int Count => deltas.Count;

        public override ReadOnlySpan<byte> UserId(int i) => deltas.UserId(i);

        public override Int128 Delta(int i)
        {
            if (i == index)
            {
                cancel.Cancel();
            }

            return deltas.Delta(i);
        }
    }
}
