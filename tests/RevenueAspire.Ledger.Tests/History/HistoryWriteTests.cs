namespace RevenueAspire.Ledger.Tests;

public sealed class HistoryWriteTests
{
    private static readonly long Noon = DateTimeOffset.Parse("2026-01-31T12:59:59.998Z", null).ToUnixTimeMilliseconds();

    [Fact]
    public async Task M2_a_live_range_writes_a_row_per_user_and_hour_with_the_balance_after_it()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var first = new EventDeltas(
            ("b", new(10, 0, 5, Noon)), ("b", new(20, 1, 2, Noon + 1)), ("b", new(30, 0, -7, Noon + 2)), ("a", new(40, 0, long.MaxValue, Noon)),
            ("a", new(50, 1, long.MinValue, Noon)));
        Assert.True(await database.ApplyAsync(source.Id, 0, 100, first, [], 5, 5));
        Assert.True(await database.ApplyAsync(source.Id, 100, 200, new EventDeltas(("b", new(110, 0, 1, Noon - 5))), [], 1, 1));

        Assert.Equal(
            [
                $"a|{source.Id:N}:40|add_revenue|{long.MaxValue}|2026-01-31 12:59:59.998",
                $"a|{source.Id:N}:50|subtract_revenue|{long.MinValue}|2026-01-31 12:59:59.998",
                $"b|{source.Id:N}:10|add_revenue|5|2026-01-31 12:59:59.998", $"b|{source.Id:N}:20|subtract_revenue|2|2026-01-31 12:59:59.999",
                $"b|{source.Id:N}:30|add_revenue|-7|2026-01-31 13:00:00", $"b|{source.Id:N}:110|add_revenue|1|2026-01-31 12:59:59.993",
            ],
            await database.ScalarAsync<string[]>(
                """
                select array_agg(concat_ws('|', user_id, receipt, name, value, "time" at time zone 'UTC') order by user_id, seq, "offset") from user_event
                """));
        Assert.Equal(["a|18446744073709551615|18446744073709551615", "b|3|3", "b|-7|-4", "b|1|-3"], await RowsAsync(database));
        Assert.Equal(new Dictionary<string, System.Numerics.BigInteger> { ["a"] = ulong.MaxValue, ["b"] = -3 }, await database.BalancesAsync());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    [InlineData(1, 5000)]
    public async Task M5_a_merged_range_writes_its_events_once_even_after_a_replay(int parts, int batchRows)
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var deltas = TestDeltas.Numbered(100, i => i - 50);
        var range = await database.FreezeAsync(deltas, parts);
        for (var turn = 0; turn < 2; turn++)
        {
            foreach (var part in range.Frozen!.Parts)
            {
                Assert.Equal(turn == 0, await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, batchRows,
                    database.History, CancellationToken.None));
            }
        }

        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"user{i:d6}|{i - 50}|{i - 50}"), await RowsAsync(database));
        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
        Assert.True(await database.ApplyAsync(range.SourceId, 1000, 1100, deltas, [], 1, 1));
        Assert.Equal(200L, await database.CountAsync("user_event"));
    }

    [Fact]
    public async Task A_processor_without_history_is_stopped_by_a_permanent_error()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        var deltas = TestDeltas.Numbered(10, _ => 1);
        var range = await database.FreezeAsync(deltas, 1);
        Assert.True(await database.ApplyAsync(source.Id, 0, 10, deltas, [], 1, 1));
        var writer = await database.EnableHistoryAsync();

        foreach (var write in new Func<HistoryWriter?, Task<bool>>[]
        {
            history => PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, history, CancellationToken.None),
            history => LiveApply.TryApplyAsync(database.Source, source.Id, 10, 20, deltas, [], 1, 1, default, default, null, history, CancellationToken.None),
        })
        {
            var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => write(null));
            Assert.Equal(("RV009", LedgerHistory.Refusal, false),
                (refused.SqlState, refused.MessageText, RevenueAspire.Postgres.DatabaseErrors.IsTransient(refused)));
            Assert.Equal(LedgerHistory.Refusal, RevenueAspire.Postgres.DatabaseErrors.Describe(refused));
            Assert.True(await write(writer));
        }

        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
        Assert.Equal(20L, await database.CountAsync("user_event"));
        Assert.Equal($"{source.Id}|0|10||", await database.ScalarAsync<string>(
            "select string_agg(concat(source_id, '|', from_offset, '|', end_offset, '|', after_user, '|', through_user), ' ') from history_missing"));
    }

    private static Task<string[]> RowsAsync(LedgerDatabase database) =>
        database.ScalarAsync<string[]>("select array_agg(concat_ws('|', user_id, revenue, balance) order by user_id, seq) from event_history");
}
