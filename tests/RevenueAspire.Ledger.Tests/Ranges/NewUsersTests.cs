using System.Numerics;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>A merge first inserts unknown users without "on conflict". That guess must never lose or double a sum.</summary>
public class NewUsersTests
{
    /// <summary>Whether the database looks distributed, so that the statements for Citus run on plain Postgres.</summary>
    protected virtual bool IsDistributed => false;

    private const string IsWaiting = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task M5_a_user_that_another_transaction_adds_during_the_merge_gets_both_sums_or_is_new_after_a_rollback(bool commits, bool history)
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var deltas = TestDeltas.Numbered(100, _ => 1);
        var range = await database.FreezeAsync(deltas, parts: 1);

        // The row is not committed, so the merge cannot see it and considers all users new. The merge must wait for the row.
        await using var other = await database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var insert = other.CreateCommand())
        {
            insert.CommandText = "insert into users_revenue values ('user000042', 1000)";
            await insert.ExecuteNonQueryAsync();
        }

        var merging = PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 30, database.History, CancellationToken.None);
        await Eventually.IsTrueAsync(() => database.ScalarAsync<bool>(IsWaiting));
        await (commits ? transaction.CommitAsync() : transaction.RollbackAsync());

        Assert.True(await merging);
        var expected = deltas.Sums();
        expected["user000042"] = commits ? 1001 : 1;
        Assert.Equal(expected, await database.BalancesAsync());
        Assert.Equal((1000, 0), await database.CloseAsync(range.SourceId));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task M5_any_mixture_of_known_and_new_users_gets_exact_sums(bool history)
    {
        var random = Seed.Random(nameof(M5_any_mixture_of_known_and_new_users_gets_exact_sums));
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed, history);
        var expected = new SortedDictionary<string, BigInteger>(StringComparer.Ordinal);
        for (var round = 0; round < 12; round++)
        {
            var (from, count) = (random.Next(400), random.Next(1, 200));
            var deltas = new TestDeltas(Enumerable.Range(from, count).Where(_ => random.Next(3) > 0 || count == 1).Append(from).Distinct().Select(
                i => ($"u{i:d4}", (Int128)random.Next(-99, 99))));
            deltas.AddTo(expected);
            var range = await database.FreezeAsync(deltas, random.Next(1, 4));
            await Task.WhenAll(
                range.Frozen!.Parts.Select(part => PartMerge.MergeAsync(database.Source, range.Id, part, deltas, random.Next(1, 50),
                    database.History, CancellationToken.None)));
            Assert.True(expected.SequenceEqual(await database.BalancesAsync()), $"round {round}; {Seed.Hint}");
        }
    }

    [Fact]
    public async Task Ids_that_contain_the_separator_stay_intact()
    {
        await using var database = await LedgerDatabase.CreateAsync(IsDistributed);
        var controls = string.Concat(Enumerable.Range(1, 127).Select(i => (char)i));
        var deltas = new TestDeltas(
            ("\u001f", 1), ("\u001f\u001f", 2), ("a\u001f", 3), ("\u001fa", 4), (controls, 5), (",", 6), ("\u001f" + new string('A', 32), 7),
            ("b", Int128.MaxValue), ("c", Int128.MinValue), ("😀", -1));
        var range = await database.FreezeAsync(deltas, parts: 2);
        foreach (var part in range.Frozen!.Parts)
        {
            Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, part, deltas, 4, null, CancellationToken.None));
        }

        Assert.Equal(deltas.Sums(), await database.BalancesAsync());
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(source.Id, 0, 10, deltas, [], 1, 1, new byte[32]));
        var twice = deltas.Sums();
        deltas.AddTo(twice);
        Assert.Equal(twice, await database.BalancesAsync());
        await database.CloseAsync(range.SourceId);
        await database.AssertTotalAsync();
    }
}
