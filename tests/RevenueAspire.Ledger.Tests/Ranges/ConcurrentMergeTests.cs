using System.Numerics;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public class ConcurrentMergeTests
{
    /// <summary>Whether the database looks distributed, so that the statements for Citus run on plain Postgres.</summary>
    protected virtual bool IsDistributed => false;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_eight_overlapping_writers_give_exact_totals_and_no_deadlock(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var random = Seed.Random(nameof(M5_eight_overlapping_writers_give_exact_totals_and_no_deadlock));
        var expected = new SortedDictionary<string, BigInteger>(StringComparer.Ordinal);
        var work = new List<(EventRange Range, TestDeltas Deltas, int BatchRows)>();
        for (var writer = 0; writer < 6; writer++)
        {
            // Each writer merges half of the same users in different batches and parts, so batches of different writers overlap in many ways.
            var deltas = new TestDeltas(
                Enumerable.Range(0, 2000).Where(_ => random.Next(2) == 0).Select(i => ($"user{i:d6}", (Int128)random.Next(-1000, 1000))));
            deltas.AddTo(expected);
            work.Add((await database.FreezeAsync(deltas, parts: random.Next(1, 4)), deltas, random.Next(20, 300)));
        }

        // Two more writers are live logs.
        var live = Enumerable.Range(0, 2).Select(_ => Enumerable.Range(0, 20).Select(_ =>
            new TestDeltas(
                Enumerable.Range(0, 2000).Where(_ => random.Next(20) == 0).Select(i => ($"user{i:d6}", (Int128)random.Next(-1000, 1000))))).ToList()).ToList();
        live.ForEach(log => log.ForEach(deltas => deltas.AddTo(expected)));

        var merges = work.SelectMany(
            w => w.Range.Frozen!.Parts.Select(part => LedgerDatabase.MergeStubbornlyAsync(database.Source, w.Range.Id, part.Index, w.Deltas, w.BatchRows,
                database.History)));
        var applies = live.Select(async log =>
        {
            var source = await database.OpenLogAsync();
            for (var i = 0; i < log.Count; i++)
            {
                Assert.True(await database.ApplyAsync(source.Id, i, i + 1, log[i], [], 1, 1));
            }

            return new List<Exception>();
        });
        var errors = (await Task.WhenAll(merges.Concat(applies))).SelectMany(all => all).ToList();

        Assert.True(expected.SequenceEqual(await database.BalancesAsync()), Seed.Hint);
        foreach (var (range, _, _) in work)
        {
            Assert.Equal(0, (await database.CloseAsync(range.SourceId)).OpenRanges);
        }

        await database.AssertTotalAsync();
        Assert.True(errors.Count == 0, $"{Seed.Hint}: {errors.FirstOrDefault()}");
        Assert.Equal(0, await DeadlocksAsync(database));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_a_part_merged_by_four_processors_at_once_counts_once(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var deltas = TestDeltas.Numbered(1000, i => i);
        var range = await database.FreezeAsync(deltas, parts: 1);
        var errors = (
            await Task.WhenAll(Enumerable.Range(0, 4).Select(i => LedgerDatabase.MergeStubbornlyAsync(database.Source, range.Id, 0, deltas, 10 + (7 * i),
                database.History))))
            .SelectMany(all => all);
        Assert.Empty(errors);
        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
        await database.AssertTotalAsync();
        Assert.Equal(0, await DeadlocksAsync(database));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_backends_killed_at_random_points_leave_exact_totals(bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var random = Seed.Random(nameof(M5_backends_killed_at_random_points_leave_exact_totals));
        var deltas = TestDeltas.Numbered(4000, i => random.Next(-1000, 1000));
        var range = await database.FreezeAsync(deltas, parts: 2);
        await using var victims =
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = "victim" }.ConnectionString);

        // Two mergers per part, as after a takeover from a processor that still runs.
        var merging = Task.WhenAll(Enumerable.Range(0, 4).Select(i => LedgerDatabase.MergeStubbornlyAsync(victims, range.Id, i % 2, deltas, 5 + i,
            database.History)));
        var killed = 0L;
        while (!merging.IsCompleted && killed < 120)
        {
            await Task.Delay(random.Next(0, 15));
            killed += await database.ScalarAsync<long>(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and application_name = 'victim'");
        }

        var errors = (await merging).SelectMany(all => all).ToList();
        Assert.True(deltas.Sums().SequenceEqual(await database.BalancesAsync()), $"{Seed.Hint}, {killed} kills");
        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
        await database.AssertTotalAsync();
        Assert.True(errors.Count > 20, $"only {errors.Count} merges were hit by {killed} kills");
        Assert.DoesNotContain(errors, error => error is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected });
    }

    [Fact]
    public async Task M6_a_watermark_that_a_database_crash_reset_is_adopted()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var deltas = TestDeltas.Numbered(100, i => i);
        var range = await database.FreezeAsync(deltas, parts: 1);

        // The state after an earlier batch, as after a crash that loses asynchronous commits: sums and watermark together.
        await database.ExecuteAsync("update event_part set merged_through = 'user000029'");
        await database.ExecuteAsync("insert into users_revenue select 'user' || lpad(i::text, 6, '0'), i from generate_series(0, 29) i");
        await database.ExecuteAsync("create table saved_revenue as table users_revenue");
        var part = (await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!.Frozen!.Parts[0];
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, 10, null, CancellationToken.None));
        part = (await RangeClaims.FindAsync(database.Source, range.Id, CancellationToken.None))!.Frozen!.Parts[0];
        await database.ExecuteAsync("update event_part set merged_through = 'user000029'");
        await database.ExecuteAsync("truncate users_revenue");
        await database.ExecuteAsync("insert into users_revenue table saved_revenue");

        Assert.False(await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, 10, null, CancellationToken.None));
        Assert.Empty(await LedgerDatabase.MergeStubbornlyAsync(database.Source, range.Id, 0, deltas, 10));
        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
    }

    /// <summary>Reads the server's count of deadlocks. A backend reports its counters at its end at the latest.</summary>
    private static async Task<long> DeadlocksAsync(LedgerDatabase database)
    {
        database.Source.Clear();
        await Eventually.EqualsAsync(0, () => database.ScalarAsync<long>(
            "select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"));
        return await database.ScalarAsync<long>("select deadlocks from pg_stat_database where datname = current_database()");
    }
}
