using System.Numerics;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public sealed class LedgerHistoryTests
{
    [Fact]
    public async Task EnableAsync_during_the_merge_of_a_part_records_exactly_the_events_without_rows()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var log = await database.OpenLogAsync();
        var deltas = TestDeltas.Numbered(100, _ => 1);
        Assert.True(await database.ApplyAsync(log.Id, 0, 10, deltas, [], 1, 1));
        var range = await database.FreezeAsync(deltas, parts: 2);
        await MergeUntilAsync(database, range, part: 0, user: 49);
        await MergeUntilAsync(database, range, part: 1, user: 69);

        await database.EnableHistoryAsync();
        Assert.Empty(await LedgerDatabase.MergeStubbornlyAsync(database.Source, range.Id, 1, deltas, 7, database.History));
        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
        Assert.True(await database.ApplyAsync(log.Id, 10, 20, deltas, [], 1, 1));

        await using var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        Assert.Equal(
            new[] { (log.Id, 0L, 10L, "", null), (range.SourceId, 0L, 1000L, "", "user000049"), (range.SourceId, 0L, 1000L, "user000049", "user000069") }
                .OrderBy(missing => missing.Item1.ToString()).ThenBy(missing => missing.Item4, StringComparer.Ordinal),
            snapshot.History!.Missing.OrderBy(missing => missing.SourceId.ToString()).Select(missing =>
                (missing.SourceId, missing.From, missing.End, Utf8(missing.AfterUser), missing.ThroughUser is { } user ? Utf8(user) : null)));
        var rows = new Dictionary<string, int>();
        await foreach (var (userId, _, read) in snapshot.History.ReadUsersAsync(CancellationToken.None))
        {
            if (read is not { } row)
            {
                continue;
            }

            var user = Utf8(userId);
            rows[user] = rows.GetValueOrDefault(user) + 1;
            var (source, events) = HistoryCodec.Read(row.Events.Span, row.At);
            Assert.Equal(snapshot.History.Sources[source].IsLog, events[0].Time != AppliedEvent.NoTime);
            Assert.Equal(row.Revenue, events.Aggregate(BigInteger.Zero, (sum, one) => sum + (snapshot.History.Types[one.Type].Sign * one.Value)));
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(i => i < 70 ? 1 : 2), rows.OrderBy(row => row.Key, StringComparer.Ordinal).Select(row => row.Value));
    }

    [Fact]
    public async Task After_EnableAsync_during_merges_each_event_has_a_row_or_is_recorded_as_missing()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var random = Seed.Random(nameof(After_EnableAsync_during_merges_each_event_has_a_row_or_is_recorded_as_missing));
        var deltas = TestDeltas.Numbered(2000, _ => 1);
        var range = await database.FreezeAsync(deltas, parts: 2);
        var merging = range.Frozen!.Parts.Select(part => UntilRefusedAsync(() => PartMerge.MergeAsync(
            database.Source, range.Id, part, deltas, 10, null, CancellationToken.None))).ToArray();
        await Task.Delay(random.Next(100));
        var writers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            LedgerHistory.EnableAsync(database.Source, TestDeltas.Types, CancellationToken.None)));
        await Task.WhenAll(merging);
        Assert.Single(writers.Select(writer => writer.BoundLocks).Distinct());
        foreach (var part in range.Frozen.Parts)
        {
            await LedgerDatabase.MergeStubbornlyAsync(database.Source, range.Id, part.Index, deltas, 300, writers[0]);
        }

        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
        Assert.True(2000L == await database.ScalarAsync<long>(
            """
            select count(*) from users_revenue u where
              (select count(*) from event_history h where h.user_id = u.user_id)
              + (select count(*) from history_missing m where u.user_id > m.after_user and u.user_id <= m.through_user) = 1
            """), Seed.Hint);

        static async Task UntilRefusedAsync(Func<Task<bool>> merge)
        {
            try
            {
                await merge();
            }
            catch (PostgresException refused) when (refused.SqlState == "RV009")
            {
            }
        }
    }

    [Fact]
    public async Task KeepAsync_keeps_the_rows_and_stops_writers_and_after_DropAsync_a_new_history_begins()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        Assert.False(await LedgerHistory.KeepAsync(database.Source, CancellationToken.None));
        Assert.False(await LedgerHistory.DropAsync(database.Source, CancellationToken.None));
        Assert.Null(await LedgerHistory.InspectAsync(database.Source, CancellationToken.None));
        var log = await database.OpenLogAsync();
        var deltas = TestDeltas.Numbered(3, _ => 1);
        var old = await database.EnableHistoryAsync();
        Assert.True(await database.ApplyAsync(log.Id, 0, 10, deltas, [], 1, 1));

        var owner = Guid.NewGuid();
        await database.Registry.TryLeaseAsync(log.Id, owner, LedgerDatabase.Lease, CancellationToken.None);
        foreach (var end in new[] { LedgerHistory.KeepAsync, LedgerHistory.DropAsync })
        {
            Assert.StartsWith("a processor still processes /logs/a",
                (await Assert.ThrowsAsync<LedgerException>(() => end(database.Source, CancellationToken.None))).Message, StringComparison.Ordinal);
        }

        await database.Registry.ReleaseAsync(log.Id, owner, CancellationToken.None);
        Assert.True(await LedgerHistory.KeepAsync(database.Source, CancellationToken.None));
        Assert.False((await LedgerHistory.InspectAsync(database.Source, CancellationToken.None))!.IsEnabled);
        Assert.Equal("RV009", (await Assert.ThrowsAsync<PostgresException>(() => ApplyAsync(10, old))).SqlState);
        Assert.True(await ApplyAsync(10, null));
        Assert.Equal(3L, await database.CountAsync("user_event"));
        Assert.Contains("history drop", (await Assert.ThrowsAsync<LedgerException>(database.EnableHistoryAsync)).Message, StringComparison.Ordinal);

        Assert.True(await LedgerHistory.DropAsync(database.Source, CancellationToken.None));
        Assert.Equal(0L, await database.ScalarAsync<long>(
            "select (select count(*) from pg_class where relname ~ 'history|user_event') + (select count(*) from pg_proc where proname ~ 'history') "
                + "+ (select count(*) from pg_trigger where not tgisinternal)"));
        Assert.True(await ApplyAsync(20, null));

        var another = await database.EnableHistoryAsync();
        Assert.Equal("RV009", (await Assert.ThrowsAsync<PostgresException>(() => ApplyAsync(30, null))).SqlState);
        Assert.Equal("RV009", (await Assert.ThrowsAsync<PostgresException>(() => ApplyAsync(30, old))).SqlState);
        Assert.True(await ApplyAsync(30, another));
        Assert.Equal("3 0 30", await database.ScalarAsync<string>(
            "select (select count(*) from user_event) || ' ' || from_offset || ' ' || end_offset from history_missing"));

        Task<bool> ApplyAsync(long from, HistoryWriter? history) => LiveApply.TryApplyAsync(
            database.Source, log.Id, from, from + 10, deltas, [], 1, 1, default, default, null, history, CancellationToken.None);
    }

    [Fact]
    public async Task A_second_generation_writes_separate_rows_without_time_and_receipt()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var digest = new FileDigest(100, new byte[32]);
        var first = await database.Registry.ResolveFileAsync(Guid.NewGuid(), "/f", [digest], CancellationToken.None);
        var second = await database.Registry.StartNextGenerationAsync(Guid.NewGuid(), "/f", digest, CancellationToken.None);
        var deltas = TestDeltas.Numbered(10, i => i);
        foreach (var source in new[] { first.Sources.Single().Id, second.Id })
        {
            var range = await RangeClaims.TryClaimAsync(database.Source, source, 0, 100, Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None);
            range = await RangeFreeze.TryFreezeAsync(database.Source, range!, LedgerDatabase.Frozen(range!, deltas, 1), CancellationToken.None);
            Assert.Empty(await LedgerDatabase.MergeStubbornlyAsync(database.Source, range!.Id, 0, deltas, 4, database.History));
            await database.CloseAsync(source);
        }

        Assert.All((await database.BalancesAsync()).Select((balance, i) => (balance.Value, i)), one => Assert.Equal(2 * one.i, one.Value));
        Assert.Equal("20 2 0 0", await database.ScalarAsync<string>(
            """select concat_ws(' ', count(*), count(distinct source_id), count("time"), count(receipt)) from user_event"""));
    }

    [Fact]
    public async Task A_removed_trigger_and_a_distributed_table_are_refused()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("create table pg_dist_partition (logicalrelid regclass)");
        await database.EnableHistoryAsync();
        await database.ExecuteAsync("drop trigger history_guard on event_part");
        Assert.Contains("history_guard", (await Assert.ThrowsAsync<LedgerException>(database.EnableHistoryAsync)).Message, StringComparison.Ordinal);
        await LedgerHistory.DropAsync(database.Source, CancellationToken.None);
        await database.ExecuteAsync("insert into pg_dist_partition values ('users_revenue'::regclass)");
        Assert.Contains("Citus", (await Assert.ThrowsAsync<LedgerException>(database.EnableHistoryAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Through_a_pooler_no_setting_stays_with_a_session()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        Assert.SkipUnless(PgBouncer.Find() is not null, "This machine has no PgBouncer.");
        await using var pooler = new PgBouncer(PgBouncer.Find()!, database.ConnectionString) { PoolSize = 1 };
        await pooler.StartAsync();
        await using var through = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(pooler.ConnectionString) { NoResetOnClose = true, MaxAutoPrepare = 0 }.ConnectionString);
        var log = await database.OpenLogAsync();
        var deltas = TestDeltas.Numbered(3, _ => 1);
        for (var from = 0; from < 30; from += 10)
        {
            Assert.True(await ApplyAsync(from, database.History));
            Assert.Equal("RV009", (await Assert.ThrowsAsync<PostgresException>(() => ApplyAsync(from + 10, null))).SqlState);
        }

        await database.BalancesAsync();

        Task<bool> ApplyAsync(long from, HistoryWriter? history) => LiveApply.TryApplyAsync(
            through, log.Id, from, from + 10, deltas, [], 1, 1, default, default, null, history, CancellationToken.None);
    }

    private static string Utf8(ReadOnlyMemory<byte> text) => System.Text.Encoding.UTF8.GetString(text.Span);

    private static async Task MergeUntilAsync(LedgerDatabase database, EventRange range, int part, int user)
    {
        // The state after a merge that stopped after this user.
        var from = part == 0 ? 0 : 50;
        await database.ExecuteAsync(
            $"""
            insert into users_revenue select 'user' || lpad(i::text, 6, '0'), 1 from generate_series({from}, {user}) i
              on conflict (user_id) do update set revenue = users_revenue.revenue + 1;
            update event_part set merged_through = 'user{user:d6}' where range_id = '{range.Id}' and part_index = {part}
            """);
    }
}
