using System.Numerics;
using System.Text;
using Npgsql;

namespace RevenueAspire.Ledger.Tests;

public sealed class LedgerSnapshotTests
{
    [Fact]
    public async Task M13_a_snapshot_outlives_the_servers_timeout_for_idle_transactions()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await using var impatient = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = "-c idle_in_transaction_session_timeout=200" }.ConnectionString);
        await using var snapshot = await LedgerSnapshot.OpenAsync(impatient, CancellationToken.None);
        await Task.Delay(700);
        await foreach (var balance in snapshot.ReadBalancesAsync(CancellationToken.None))
        {
            Assert.Fail("the table is empty");
        }
    }

    [Fact]
    public async Task M13_reading_all_balances_outlives_the_servers_statement_timeout()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue select repeat('x', 200) || i, 1 from generate_series(1, 100000) as i");
        await using var impatient = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = "-c statement_timeout=1000" }.ConnectionString);
        await using var snapshot = await LedgerSnapshot.OpenAsync(impatient, CancellationToken.None);
        var users = 0;
        await foreach (var balance in snapshot.ReadBalancesAsync(CancellationToken.None))
        {
            if (++users == 1)
            {
                // The remaining rows exceed the socket buffers, so the statement lasts until its reader has read them.
                await Task.Delay(1500);
            }
        }

        Assert.Equal(100_000, users);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task M13_reading_all_balances_waits_for_the_first_row_up_to_the_command_timeout(int seconds)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 1)");
        await using var source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { CommandTimeout = seconds }.ConnectionString);
        await using var snapshot = await LedgerSnapshot.OpenAsync(source, CancellationToken.None);
        await using var hold = await database.Source.OpenConnectionAsync();
        await using var transaction = await hold.BeginTransactionAsync();
        await using (var wait = new NpgsqlCommand("lock table users_revenue", hold))
        {
            await wait.ExecuteNonQueryAsync();
        }

        var reading = ReadAsync(snapshot);
        if (seconds > 0)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => reading.WaitAsync(TimeSpan.FromSeconds(30)));
            return;
        }

        await Task.Delay(TimeSpan.FromSeconds(2));
        await transaction.CommitAsync();
        Assert.Single(await reading);
    }

    [Fact]
    public async Task M13_reading_the_balances_stops_at_once_on_cancellation()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue select repeat('x', 200) || i, i from generate_series(1, 300000) as i");
        await using var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var (users, expected) = (0, 0L);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var (user, revenue) in snapshot.ReadBalancesAsync(stop.Token))
            {
                // Each id ends with the user's revenue, so the test detects fields that a move of the buffer damages.
                Assert.Equal(revenue.ToString(System.Globalization.CultureInfo.InvariantCulture), Encoding.UTF8.GetString(user.Span[200..]));
                expected++;
                if (++users == 20_000)
                {
                    await stop.CancelAsync();
                }
            }
        });
        Assert.InRange(expected, 20_000, 40_000);
    }

    [Fact]
    public async Task M13_a_snapshot_shows_sources_ranges_and_balances_of_one_moment()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var deltas = TestDeltas.Numbered(100, i => i);
        var range = await database.FreezeAsync(deltas, parts: 2);
        Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen!.Parts[0], deltas, 10, null, CancellationToken.None));

        await using (var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None))
        {
            // Change everything before the first balance is read.
            Assert.True(await PartMerge.MergeAsync(database.Source, range.Id, range.Frozen.Parts[1], deltas, 10, null, CancellationToken.None));
            await database.CloseAsync(range.SourceId);
            await database.ApplyAsync(range.SourceId, 1000, 1010, deltas, [], 1, 1);
            await database.OpenLogAsync();

            var source = Assert.Single(snapshot.Sources);
            Assert.Equal((range.SourceId, 0, 1000), (source.Id, source.AppliedThrough, source.ClaimedThrough));
            var frozen = Assert.Single(snapshot.FrozenRanges);
            Assert.Equal((range.Id, 1000), (frozen.Id, frozen.Frozen!.End));
            Assert.Equal(["user000049", ""], frozen.Frozen.Parts.Select(part => Encoding.UTF8.GetString(part.MergedThrough.Span)));
            for (var twice = 0; twice < 2; twice++)
            {
                Assert.Equal(deltas.Sums().Take(50), await ReadAsync(snapshot));
            }
        }

        await using var later = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        Assert.Equal(2, later.Sources.Count);
        Assert.Empty(later.FrozenRanges);
        Assert.Equal(deltas.Sums().Select(sum => KeyValuePair.Create(sum.Key, 2 * sum.Value)), await ReadAsync(later));
    }

    [Fact]
    public async Task M13_a_snapshot_omits_ranges_that_are_only_claimed()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        await RangeClaims.TryClaimAsync(database.Source, source.Id, 0, 10, Guid.NewGuid(), LedgerDatabase.Lease, CancellationToken.None);
        await using var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        Assert.Empty(snapshot.FrozenRanges);
        Assert.Empty(await ReadAsync(snapshot));
    }

    [Fact]
    public async Task A_reader_of_the_balances_may_stop_halfway()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue select 'user' || i, i from generate_series(1, 50000) i");
        await using (var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None))
        {
            await foreach (var (user, revenue) in snapshot.ReadBalancesAsync(CancellationToken.None))
            {
                Assert.Equal(("user1", 1), (Encoding.UTF8.GetString(user.Span), revenue));
                break;
            }
        }

        Assert.Equal("7", await database.Queries.FindRevenueAsync("user7", CancellationToken.None));
    }

    [Fact]
    public async Task A_non_integer_revenue_is_reported()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 1.5)");
        await using var snapshot = await LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None);
        var error = await Assert.ThrowsAsync<LedgerException>(() => ReadAsync(snapshot));
        Assert.Contains("1.5", error.Message, StringComparison.Ordinal);
    }

    private static async Task<List<KeyValuePair<string, BigInteger>>> ReadAsync(LedgerSnapshot snapshot)
    {
        var balances = new List<KeyValuePair<string, BigInteger>>();
        await foreach (var (user, revenue) in snapshot.ReadBalancesAsync(CancellationToken.None))
        {
            balances.Add(KeyValuePair.Create(Encoding.UTF8.GetString(user.Span), revenue));
        }

        return balances;
    }
}
