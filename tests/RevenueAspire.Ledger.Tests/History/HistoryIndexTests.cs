using System.Globalization;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>The index of the history, whose entries are per user and block of 2^20 values of <c>seq</c>.</summary>
public sealed class HistoryIndexTests
{
    private const long Block = 1 << 20;

    [Fact]
    public async Task Rows_with_a_single_event_take_at_most_100_bytes_with_their_index()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var random = Seed.Random(nameof(Rows_with_a_single_event_take_at_most_100_bytes_with_their_index));
        var users = Enumerable.Range(0, 2000).Select(i => string.Create(CultureInfo.InvariantCulture, $"user{i + 100_000}")).ToArray();
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        const int Statements = 80;
        const int Rows = 250;
        for (var range = 0; range < Statements; range++)
        {
            random.Shuffle(users);
            var from = 100_000_000L + (range * 100_000);
            Assert.True(await database.ApplyAsync(source.Id, range == 0 ? 0 : from, from + 100_000, new EventDeltas(users.Take(Rows)
                .Select((user, i) => (user, new AppliedEvent(from + (i * 100), i % 2, random.Next(1000), now)))), [], 1, 1));
        }

        // The space map and the unused part of the last pages do not grow with the rows.
        const int Fixed = 100_000;
        Assert.Equal((long)Statements * Rows, await database.CountAsync("event_history"));
        var bytes = await database.ScalarAsync<long>("select pg_total_relation_size('event_history_1')");
        Assert.True(bytes - Fixed <= 100 * Statements * Rows, $"{bytes} bytes for {Statements * Rows} rows, {Seed.Hint}");
    }

    [Fact]
    public async Task Pages_list_rows_of_several_blocks_and_partitions_in_their_order()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var source = await database.OpenLogAsync();
        var first = HistoryPartitions.FirstSequence(1);
        long[] starts = [first, first + 2, first + Block - 1, first + (3 * Block), HistoryPartitions.FirstSequence(2) - 2, HistoryPartitions.FirstSequence(2)];
        for (var i = 0; i < starts.Length; i++)
        {
            await database.ExecuteAsync($"select setval('history_seq', {starts[i]}, false)");
            for (var offset = 2 * i; offset < (2 * i) + 2; offset++)
            {
                Assert.True(await database.ApplyAsync(source.Id, offset, offset + 1, new EventDeltas(("a", new AppliedEvent(offset, 0, 1, 0))), [], 1, 1));
            }
        }

        var queries = new HistoryQueries(database.Source);
        for (var limit = 1; limit < 14; limit++)
        {
            var balances = new List<int>();
            var request = new HistoryRequest("a", null, null, null, limit);
            do
            {
                var page = (await queries.ReadPageAsync(request, CancellationToken.None)).Value!;
                balances.AddRange(page.Items.Select(item => (int)item.Balance));
                request = request with { After = page.Next };
            }
            while (request.After is not null);

            Assert.Equal(Enumerable.Range(1, 12).Reverse(), balances);
        }
    }

    [Fact]
    public async Task A_page_of_a_user_with_many_rows_never_sorts_all_of_them()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        await database.ExecuteAsync(
            $"""
            insert into event_history select {HistoryPartitions.FirstSequence(1)} + n * 200000, now(), 'u' || n % 3, 1, n, '\x020001'
            from generate_series(1, 5000) n;
            analyze event_history;
            """);
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var mode in (string[])["force_custom_plan", "force_generic_plan"])
        {
            await using var prepare = new NpgsqlCommand(
                $"""
                {HistoryPageReader.SortByBlocks};
                deallocate all;
                set local plan_cache_mode = {mode};
                prepare page(text, bigint, bigint, timestamptz, timestamptz, integer) as {HistoryPageReader.Rows};
                """, connection);
            await prepare.ExecuteNonQueryAsync();
            await using var explain = new NpgsqlCommand(
                $"explain (costs off) execute page('u1', {HistoryPartitions.MaxSequence}, 0, '-infinity', 'infinity', 10)", connection);
            await using var lines = await explain.ExecuteReaderAsync();
            var plan = new List<string>();
            while (await lines.ReadAsync())
            {
                plan.Add(lines.GetString(0));
            }

            var text = string.Join('\n', plan);
            Assert.True(text.Contains("Incremental Sort", StringComparison.Ordinal), text);
            Assert.False(plan.Exists(line => line.TrimStart(' ', '-', '>') == "Sort"), text);
        }
    }

    [Fact]
    public async Task A_partition_whose_values_are_half_used_is_followed_by_the_next_one()
    {
        await using var database = await LedgerDatabase.CreateAsync(history: true);
        var half = HistoryPartitions.FirstSequence(1) + (1L << 35);
        await database.ExecuteAsync($"select setval('history_seq', {half - 1})");
        Assert.Equal((0, 0), await HistoryPartitions.RotateAsync(database.Source, null, null, CancellationToken.None));
        await database.ExecuteAsync($"select setval('history_seq', {half})");
        Assert.Equal((1, 0), await HistoryPartitions.RotateAsync(database.Source, null, null, CancellationToken.None));
        Assert.Equal(HistoryPartitions.FirstSequence(2), await database.ScalarAsync<long>("select nextval('history_seq')"));
        Assert.Equal((0, 0), await HistoryPartitions.RotateAsync(database.Source, null, null, CancellationToken.None));
    }
}
