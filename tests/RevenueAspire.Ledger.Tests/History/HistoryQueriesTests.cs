using System.Numerics;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>Queries of a history that the real merges have written.</summary>
public sealed class HistoryQueriesTests
{
    private static readonly DateTime Noon = new(2026, 1, 31, 12, 0, 0, DateTimeKind.Utc);

    [Fact]
    public async Task Pages_list_each_event_once_newest_first_with_consecutive_balances()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var random = Seed.Random(nameof(Pages_list_each_event_once_newest_first_with_consecutive_balances));
        List<(long Offset, Int128 Revenue)> expected = [];
        for (var from = 0L; from < 30_000; from += 1000)
        {
            var events = Enumerable.Range(0, random.Next(1, 400)).Select(i => new AppliedEvent(
                from + i, random.Next(2), random.Next(-9, 9) * (random.Next(5) == 0 ? long.MaxValue / 9 : 1), At(from + i))).ToArray();
            Assert.True(await database.ApplyAsync(source.Id, from, from + 1000, new EventDeltas(events.Select(one => ("a", one))), [], 1, 1));
            expected.AddRange(events.Select(one => (one.Offset, one.Type == 0 ? one.Value : -(Int128)one.Value)));
        }

        expected.Reverse();
        foreach (var limit in (int[])[1000, random.Next(2, 300)])
        {
            var items = new List<HistoryItem>();
            var request = new HistoryRequest("a", null, null, null, limit);
            for (HistoryCursor? after = null; ;)
            {
                var page = await PageAsync(database, request with { After = after });
                items.AddRange(page.Items);
                Assert.Equal(expected.Skip(items.Count).Aggregate(BigInteger.Zero, (sum, one) => sum + one.Revenue), page.Opening);
                Assert.Null(page.RetainedFrom);
                Assert.True(page.Items.Count == limit || page.Next is null, Seed.Hint);
                if (page.Next is null)
                {
                    break;
                }

                Assert.True(HistoryCursor.TryParse(page.Next.ToString(), out var parsed));
                after = parsed;
            }

            Assert.Equal(expected.Select(one => one.Offset), items.Select(item => item.Offset));
            Assert.Equal(await database.Queries.FindRevenueAsync("a", CancellationToken.None), items[0].Balance.ToString());
            foreach (var (item, index) in items.Select((item, index) => (item, index)))
            {
                var before = index + 1 < items.Count ? items[index + 1].Balance : 0;
                Assert.Equal(item.Balance - before, expected[index].Revenue);
                Assert.Equal((source.Id, DateTime.UnixEpoch.AddMilliseconds(At(item.Offset))), (item.SourceId, item.Time));
            }
        }

        static long At(long offset) => new DateTimeOffset(Noon).ToUnixTimeMilliseconds() + (offset * 777);
    }

    [Fact]
    public async Task During_merges_each_page_matches_the_revenue_and_paging_neither_skips_nor_repeats_events()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        using var end = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            var log = await database.OpenLogAsync();
            for (var from = 0L; !end.IsCancellationRequested; from += 10)
            {
                await Task.Delay(1);
                Assert.True(await database.ApplyAsync(
                    log.Id, from, from + 10,
                    new EventDeltas(Enumerable.Range(0, 5).Select(i => ("user000007", new AppliedEvent(from + i, i % 2, 3 + i, 0)))), [], 1, 1));
            }
        })).Append(Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                var range = await database.FreezeAsync(TestDeltas.Numbered(50, i => i), 2);
                foreach (var part in range.Frozen!.Parts)
                {
                    Assert.True(await PartMerge.MergeAsync(
                        database.Source, range.Id, part, TestDeltas.Numbered(50, i => i), 7, database.History, CancellationToken.None));
                }
            }
        })).ToArray();
        try
        {
            await Eventually.IsTrueAsync(async () => await database.CountAsync("users_revenue") == 50);
            for (var round = 0; round < 6; round++)
            {
                List<HistoryItem> items = [];
                HistoryCursor? after = null;
                do
                {
                    var page = await PageAsync(database, new HistoryRequest("user000007", null, null, after, 90));
                    if (after is null)
                    {
                        Assert.Equal(page.Revenue, page.Items[0].Balance.ToString());
                    }

                    items.AddRange(page.Items);
                    after = page.Next;
                }
                while (after is not null);

                Assert.Equal(items.Count, items.Select(item => (item.SourceId, item.Offset, item.Balance)).Distinct().Count());
                for (var index = 0; index < items.Count; index++)
                {
                    var revenue = items[index].Name == "add_revenue" ? items[index].Value : -items[index].Value;
                    Assert.Equal((index + 1 < items.Count ? items[index + 1].Balance : 0) + revenue, items[index].Balance);
                }
            }
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(writers);
        }
    }

    [Fact]
    public async Task A_time_filter_includes_its_start_and_excludes_its_end_and_uses_the_time_of_application_for_files()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var hour = TimeSpan.FromHours(1).TotalMilliseconds;
        var noon = (long)(Noon - DateTime.UnixEpoch).TotalMilliseconds;
        Assert.True(await database.ApplyAsync(source.Id, 0, 100, new EventDeltas(
            Enumerable.Range(0, 10).Select(i => ("a", new AppliedEvent(i, 0, 1, noon + (long)(i * hour / 4))))), [], 1, 1));
        var range = await database.FreezeAsync(new TestDeltas(("a", 5)), 1);
        await database.ExecuteAsync($"update event_source set kind = 'file' where source_id = '{range.SourceId}'");
        Assert.True(await PartMerge.MergeAsync(
            database.Source, range.Id, range.Frozen!.Parts[0], new TestDeltas(("a", 5)), 10, database.History, CancellationToken.None));

        async Task<string> OffsetsAsync(DateTime? from, DateTime? to) =>
            string.Join(' ', (await PageAsync(database, new HistoryRequest("a", from, to, null, 100)))
            .Items.Select(item => item.SourceId is null ? "file" : item.Offset.ToString()));

        Assert.Equal("file 9 8 7 6 5 4 3 2 1 0", await OffsetsAsync(null, null));
        Assert.Equal("9 8 7 6 5 4 3 2 1 0", await OffsetsAsync(null, Noon.AddDays(1)));
        Assert.Equal("file", await OffsetsAsync(Noon.AddDays(1), null));
        Assert.Equal("6 5 4 3", await OffsetsAsync(Noon.AddMinutes(45), Noon.AddMinutes(91)));
        Assert.Equal("5", await OffsetsAsync(Noon.AddMinutes(75), Noon.AddMinutes(75).AddTicks(1)));
        Assert.Equal("", await OffsetsAsync(Noon.AddMinutes(75).AddTicks(1), Noon.AddMinutes(90)));
        Assert.Equal(5, (await PageAsync(database, new HistoryRequest("a", Noon.AddMinutes(75), Noon.AddMinutes(90), null, 9))).Opening);
        Assert.Equal(0, (await PageAsync(database, new HistoryRequest("a", null, Noon, null, 9))).Opening);
    }

    [Fact]
    public async Task A_page_reads_a_limited_number_of_rows_and_later_pages_continue()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var noon = (long)(Noon - DateTime.UnixEpoch).TotalMilliseconds;
        Assert.True(await database.ApplyAsync(source.Id, 0, 1, new EventDeltas(("a", new AppliedEvent(0, 0, 1, noon))), [], 1, 1));
        await database.ExecuteAsync(
            $"""
            insert into event_history select seq + n, at + interval '2 days', user_id, revenue, balance + n, events
            from event_history, generate_series(1, {HistoryQueries.MaxScannedRows + 5}) n where user_id = 'a' order by n;
            update users_revenue set revenue = (select max(balance) from event_history);
            """);
        var request = new HistoryRequest("a", null, Noon.AddDays(1), null, 10);

        var first = await PageAsync(database, request);
        Assert.Empty(first.Items);
        Assert.Equal(6, first.Opening);
        var second = await PageAsync(database, request with { After = first.Next });
        Assert.Equal((1, 0, null), (second.Items.Single().Balance, second.Opening, second.Next));
    }

    [Fact]
    public async Task A_cursor_to_a_dropped_event_and_a_cursor_of_another_user_are_refused()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(
            source.Id, 0, 1, new EventDeltas(("a", new AppliedEvent(0, 0, 1, 0)), ("b", new AppliedEvent(0, 0, 1, 0))), [], 1, 1));
        var old = new HistoryCursor(await database.ScalarAsync<long>("select seq from event_history where user_id = 'a'"), 0);
        await database.ExecuteAsync(
            """
            insert into history_partition values (2, now() + interval '1 microsecond');
            select setval('history_seq', 2::bigint << 36, false);
            """);
        Assert.True(await database.ApplyAsync(source.Id, 1, 2, new EventDeltas(("a", new AppliedEvent(1, 1, 2, 0))), [], 1, 1));
        var whole = await PageAsync(database, new HistoryRequest("a", null, null, null, 10));
        Assert.Equal([-1, 1], whole.Items.Select(item => item.Balance));
        await database.ExecuteAsync(
            """
            drop table event_history_1;
            delete from history_partition where number = 1;
            update history_state set retained_from = (select started_at from history_partition where number = 2);
            """);

        var request = new HistoryRequest("a", null, null, null, 10);
        var page = await PageAsync(database, request);
        var retained = page.RetainedFrom!.Value;
        Assert.Equal((1, -1, null), (page.Items.Count, page.Items[0].Balance, page.Next));
        Assert.Equal(1, page.Opening);
        Assert.Equal(HistoryRefusal.AfterDropped, await RefusalAsync(database, request with { After = old }));
        Assert.Equal(HistoryRefusal.FromDropped, await RefusalAsync(database, request with { From = retained.AddTicks(-10) }));
        Assert.Equal(HistoryRefusal.ToDropped, await RefusalAsync(database, request with { To = retained }));
        Assert.Equal(HistoryRefusal.None, await RefusalAsync(database, request with { From = retained }));
        var of = new HistoryCursor(await database.ScalarAsync<long>("select seq from event_history where user_id = 'a'"), 0);
        Assert.Equal(HistoryRefusal.None, await RefusalAsync(database, request with { After = of }));
        Assert.Equal(HistoryRefusal.AfterUnknown, await RefusalAsync(database, request with { After = of, UserId = "b" }));
        Assert.Equal(HistoryRefusal.AfterUnknown, await RefusalAsync(database, request with { After = of with { Index = 1 } }));
        Assert.Equal(HistoryRefusal.AfterUnknown, await RefusalAsync(database, request with { After = of with { Seq = of.Seq + 1 } }));
        Assert.Equal(HistoryRefusal.UnknownUser, await RefusalAsync(database, request with { UserId = "c" }));

        var sums = await new HistoryQueries(database.Source).ReadSumsAsync(
            null, DateTime.UnixEpoch, DateTime.UnixEpoch.AddHours(1), HistoryStep.Hour, TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.Equal(HistoryRefusal.FromDropped, sums.Refusal);
    }

    [Fact]
    public async Task ReadSumsAsync_adds_up_the_events_of_each_step()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var noon = (long)(Noon - DateTime.UnixEpoch).TotalMilliseconds;
        Assert.True(await database.ApplyAsync(source.Id, 0, 100, new EventDeltas(
            ("a", new(0, 0, 5, noon)), ("a", new(1, 1, 2, noon + 3_600_000)), ("b", new(2, 0, long.MaxValue, noon + 3_599_999)),
            ("b", new(3, 0, long.MaxValue, noon + 3_600_000)), ("b", new(4, 0, 1, noon + (13 * 3_600_000)))), [], 1, 1));

        async Task<string> SumsAsync(string? user, DateTime from, DateTime to, HistoryStep step) => string.Join(' ', (await new HistoryQueries(database.Source)
            .ReadSumsAsync(user, from, to, step, TimeSpan.FromSeconds(10), CancellationToken.None)).Value!.Sums.OrderBy(sum => sum.Key)
            .Select(sum => $"{sum.Key:MM-ddTHH}={sum.Value}"));

        Assert.Equal("01-31T12=9223372036854775812 01-31T13=9223372036854775805", await SumsAsync(null, Noon, Noon.AddHours(3), HistoryStep.Hour));
        Assert.Equal("01-31T13=-2", await SumsAsync("a", Noon.AddHours(1), Noon.AddHours(3), HistoryStep.Hour));
        Assert.Equal("01-31T00=18446744073709551617 02-01T00=1", await SumsAsync(null, Noon.Date, Noon.Date.AddDays(2), HistoryStep.Day));
        Assert.Equal("02-01T00=1", await SumsAsync("b", Noon.Date.AddDays(1), Noon.Date.AddMonths(1), HistoryStep.Month));
        Assert.Equal("", await SumsAsync(null, Noon.Date.AddYears(1), Noon.Date.AddYears(2), HistoryStep.Month));
        Assert.Equal(HistoryRefusal.UnknownUser, (await new HistoryQueries(database.Source).ReadSumsAsync(
            "c", Noon, Noon.AddHours(1), HistoryStep.Hour, TimeSpan.FromSeconds(10), CancellationToken.None)).Refusal);
    }

    [Fact]
    public async Task A_sum_that_exceeds_its_time_limit_is_refused_and_the_connection_stays_usable()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await database.ExecuteAsync(
            """
            insert into event_history select n, '2026-01-31 12:00Z', 'a', n, n, '' from generate_series(68719476736, 68719476736 + 200000) n
            """);
        var queries = new HistoryQueries(database.Source);

        var slow = await queries.ReadSumsAsync(null, Noon, Noon.AddHours(1), HistoryStep.Hour, TimeSpan.FromMilliseconds(1), CancellationToken.None);
        Assert.Equal(HistoryRefusal.TooLong, slow.Refusal);
        var whole = await queries.ReadSumsAsync(null, Noon, Noon.AddHours(1), HistoryStep.Hour, TimeSpan.FromSeconds(20), CancellationToken.None);
        Assert.Equal(Noon, Assert.Single(whole.Value!.Sums).Key);
    }

    [Fact]
    public async Task Requests_are_refused_without_a_history_and_after_its_end()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var queries = new HistoryQueries(database.Source);
        var request = new HistoryRequest("a", null, null, null, 1);
        Assert.False(await queries.IsKeptAsync(CancellationToken.None));
        Assert.Equal(HistoryRefusal.NotKept, await RefusalAsync(database, request));
        await database.EnableHistoryAsync();
        Assert.True(await queries.IsKeptAsync(CancellationToken.None));
        Assert.Equal(HistoryRefusal.UnknownUser, await RefusalAsync(database, request));
        await LedgerHistory.KeepAsync(database.Source, CancellationToken.None);
        Assert.False(await queries.IsKeptAsync(CancellationToken.None));
        Assert.Equal(HistoryRefusal.NotKept, await RefusalAsync(database, request));
        await LedgerHistory.DropAsync(database.Source, CancellationToken.None);
        Assert.False(await queries.IsKeptAsync(CancellationToken.None));
        Assert.Equal(HistoryRefusal.NotKept, await RefusalAsync(database, request));
    }

    [Fact]
    public async Task A_user_with_events_only_before_the_history_has_only_an_opening_balance()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(source.Id, 0, 1, new EventDeltas(("a", new AppliedEvent(0, 0, 7, 0))), [], 1, 1));
        await database.EnableHistoryAsync();

        var page = await PageAsync(database, new HistoryRequest("a", null, null, null, 1));
        Assert.Equal(("7", 7, 0, null), (page.Revenue, page.Opening, page.Items.Count, page.Next));
    }

    [Theory]
    [InlineData("")]
    [InlineData("AQAAAQAAAAAqAA")]
    [InlineData("AQAAAQAAAAAqAAAA")]
    [InlineData("AgAAAQAAAAAqAAA")]
    [InlineData("Af__________AAA")]
    [InlineData("AQAAAQAAAAAqAA=")]
    [InlineData("AQAAAQAAA AAqAA")]
    [InlineData("AQAAAQAAAAAqAA+")]
    public void TryParse_refuses_an_invalid_cursor(string text) => Assert.False(HistoryCursor.TryParse(text, out _));

    private static async Task<HistoryPage> PageAsync(LedgerDatabase database, HistoryRequest request)
    {
        var result = await new HistoryQueries(database.Source).ReadPageAsync(request, CancellationToken.None);
        Assert.Equal(HistoryRefusal.None, result.Refusal);
        return result.Value!;
    }

    private static async Task<HistoryRefusal> RefusalAsync(LedgerDatabase database, HistoryRequest request) =>
        (await new HistoryQueries(database.Source).ReadPageAsync(request, CancellationToken.None)).Refusal;
}
