using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public sealed class HistoryPartitionsTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UtcNow;

    [Fact]
    public async Task Partitions_begin_by_age_keep_the_order_and_are_dropped_by_retention()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        Assert.Equal((0, 0), await RotateAsync(database, days: 3, retain: 2));
        await database.EnableHistoryAsync();
        var log = await database.OpenLogAsync();
        var deltas = TestDeltas.Numbered(10, i => i);
        for (var day = 0; day < 4; day++)
        {
            Assert.Equal((day == 0 ? 0 : 1, 0), await RotateAsync(database, day + 0.1, retain: 5));
            Assert.Equal((0, 0), await RotateAsync(database, day + 0.2, retain: 5));
            Assert.True(await database.ApplyAsync(log.Id, day, day + 1, deltas, [], 1, 1));
        }

        Assert.Equal(deltas.Sums().Select(user => user.Value * 4), (await database.BalancesAsync()).Values);
        Assert.Equal("1:10 2:10 3:10 4:10", await PartitionsAsync(database));
        Assert.Equal((0, 0), await RotateAsync(database, 4, retain: null));
        Assert.Equal((0, 0), await RotateAsync(database, 3.15, retain: 4));

        // Partition 2 began at 1.1, and partition 3 at 2.1, which is more than two days ago.
        Assert.Equal((1, 2), await RotateAsync(database, 4.15, retain: 2));
        Assert.Equal("3:10 4:10", await PartitionsAsync(database));
        var state = await LedgerHistory.InspectAsync(database.Source, CancellationToken.None);
        Assert.Equal(Start.AddDays(2.1).UtcDateTime, state!.RetainedFrom!.Value, TimeSpan.FromMilliseconds(1));
        Assert.Equal("5", await database.ScalarAsync<string>("select (max(number))::text from history_partition"));

        // The balance before the oldest remaining row is the sum of the dropped rows.
        Assert.Equal("18", await database.ScalarAsync<string>(
            "select (balance - revenue)::text from event_history where user_id = 'user000009' order by seq limit 1"));
        Assert.Equal((0, 0), await RotateAsync(database, 4.15, retain: 2));
    }

    [Fact]
    public async Task A_crash_between_a_partition_and_the_sequence_is_repaired_by_the_next_call()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        Assert.Equal((1, 0), await RotateAsync(database, 1.5, retain: 5));
        await database.ExecuteAsync($"select setval('history_seq', {HistoryPartitions.FirstSequence(1) + 7})");
        Assert.Equal((0, 0), await RotateAsync(database, 1.5, retain: 5));
        Assert.Equal(HistoryPartitions.FirstSequence(2), await database.ScalarAsync<long>("select nextval('history_seq')"));
        Assert.Equal((0, 0), await RotateAsync(database, 1.5, retain: 5));
        Assert.Equal(HistoryPartitions.FirstSequence(2) + 1, await database.ScalarAsync<long>("select nextval('history_seq')"));
    }

    [Fact]
    public async Task A_drop_during_a_read_fails_with_a_transient_error_and_a_retry_succeeds()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await RotateAsync(database, 1.5, retain: 5);
        await using (var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None))
        {
            await foreach (var row in snapshot.History!.ReadUsersAsync(CancellationToken.None))
            {
                Assert.Fail($"{row.Row}");
            }

            var blocked = await Assert.ThrowsAsync<PostgresException>(() => RotateAsync(database, 9, retain: 2));
            Assert.True(RevenueAspire.Postgres.DatabaseErrors.IsTransient(blocked));
        }

        Assert.Equal((0, 1), await RotateAsync(database, 9, retain: 2));
    }

    [Fact]
    public async Task Concurrent_merges_of_the_same_users_keep_consecutive_balances_while_partitions_change()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var random = Seed.Random(nameof(Concurrent_merges_of_the_same_users_keep_consecutive_balances_while_partitions_change));
        var rotating = true;
        var rotations = Task.Run(async () =>
        {
            for (var day = 1; Volatile.Read(ref rotating); day++)
            {
                await RotateAsync(database, day * 1.01, retain: 50);
                await Task.Delay(30);
            }
        });
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var seeds = Enumerable.Range(0, 6).Select(_ => random.Next()).ToArray();
        await Task.WhenAll(seeds.Select(async seed =>
        {
            var own = new Random(seed);
            for (var round = 0; round < 6; round++)
            {
                var deltas = new EventDeltas(Enumerable.Range(0, own.Next(1, 1500)).Select(i =>
                    ($"u{own.Next(60):d3}", new AppliedEvent((i * 100L) + own.Next(100), own.Next(2),
                        own.NextInt64() >> own.Next(64), now + own.Next(7_200_000)))));
                var source = await database.OpenLogAsync();
                var range = await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 200_000,
                    Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None);
                range = await RangeFreeze.TryFreezeAsync(
                    database.Source, range!, new FrozenRange(200_000, new byte[32], new byte[32], 1, 1, 0, -1, -1, deltas.Split(own.Next(1, 4)), deltas.Sum()),
                    CancellationToken.None);
                foreach (var part in range!.Frozen!.Parts)
                {
                    Assert.Empty(await LedgerDatabase.MergeStubbornlyAsync(database.Source, range.Id, part.Index, deltas, own.Next(1, 40), database.History));
                }

                await database.CloseAsync(source.Id);
            }
        }));
        Volatile.Write(ref rotating, false);
        await rotations;

        await database.BalancesAsync();
        await database.AssertTotalAsync();
        Assert.True(await database.ScalarAsync<bool>(
            $"select max(length(events)) <= {HistoryRows.MaxRowBytes} from event_history"), Seed.Hint);
        Assert.True(1 < await database.ScalarAsync<long>("select count(distinct tableoid) from event_history"), $"the rows are in one partition, {Seed.Hint}");
        Assert.True(await database.ScalarAsync<bool>(
            """
            select bool_and(t.low = t.high and t.low = t.own) from event_history h cross join lateral (
              select min(date_trunc('hour', e."time")) as low, max(date_trunc('hour', e."time")) as high, date_trunc('hour', h.at) as own
              from history_events(h.events, h.at) e) t
            """), $"a row has events of two hours, {Seed.Hint}");
    }

    [Fact]
    public async Task A_user_with_many_events_has_rows_of_bounded_size_in_one_statement()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var hot = new string('x', 250) + "\u001f";
        var deltas = new EventDeltas(
            Enumerable.Range(0, 100_000).Select(i => (i % 10 == 0 ? $"other{i % 70}" : hot,
                new AppliedEvent(i * 40L, i % 3 == 0 ? 1 : 0, i, 1_000_000_000_000 + i))));
        Assert.True(await database.ApplyAsync(source.Id, 0, 4_000_000, deltas, [], 1, 1));
        Assert.Equal(8, (await database.BalancesAsync()).Count);
        Assert.Equal(100_000L, await database.CountAsync("user_event"));
        Assert.Equal("t", await database.ScalarAsync<string>(
            $"select case when max(length(events)) <= {HistoryRows.MaxRowBytes} "
                + "and max(pg_column_size(h.*)) < 2000 and count(*) < 1000 then 't' else 'f' end from event_history h"));
    }

    private static Task<(int Begun, int Dropped)> RotateAsync(LedgerDatabase database, double days, double? retain) =>
        HistoryPartitions.RotateAsync(
            database.Source, retain is { } limit ? TimeSpan.FromDays(limit) : null, Start.AddDays(days), CancellationToken.None);

    private static Task<string> PartitionsAsync(LedgerDatabase database) => database.ScalarAsync<string>(
        "select string_agg(number || ':' || rows, ' ' order by number) from (select seq >> 36 as number, count(*) as rows from event_history group by 1) p");
}
