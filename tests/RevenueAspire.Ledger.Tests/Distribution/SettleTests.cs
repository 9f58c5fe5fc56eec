using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger.Tests;

/// <summary>The watermark of a distributed ledger is visible before the sums on the workers, so a reader waits for the sums.</summary>
public sealed class SettleTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_balance_query_waits_until_workers_have_finished_the_coordinators_committed_transactions(bool commits)
    {
        await using var database = await LedgerDatabase.CreateAsync(distributed: true);
        await ApplyAsync(database);
        var (first, second) = (Name(), Name());
        await PrepareAsync(database, first, "a");
        await database.ExecuteAsync($"insert into pg_dist_transaction values ('{first}')");

        var read = database.Queries.FindSettledRevenueAsync("a", CancellationToken.None);
        await Task.Delay(300);
        Assert.False(read.IsCompleted);
        Assert.Equal("1", await database.Queries.FindRevenueAsync("a", CancellationToken.None));

        // Later transactions do not prolong the wait.
        await PrepareAsync(database, second, "b");
        await database.ExecuteAsync($"insert into pg_dist_transaction values ('{second}')");
        await database.ExecuteAsync($"{(commits ? "commit" : "rollback")} prepared '{first}'");
        Assert.Equal(commits ? "101" : "1", await read.WaitAsync(TimeSpan.FromSeconds(30)));
        await database.ExecuteAsync($"rollback prepared '{second}'");
    }

    [Fact]
    public async Task A_balance_query_does_not_wait_for_a_transaction_that_the_coordinator_has_not_committed()
    {
        await using var database = await LedgerDatabase.CreateAsync(distributed: true);
        await ApplyAsync(database);
        var name = Name();
        await PrepareAsync(database, name, "a");
        Assert.Equal("1", await database.Queries.FindSettledRevenueAsync("a", CancellationToken.None));
        Assert.Null(await database.Queries.FindSettledRevenueAsync("nobody", CancellationToken.None));
        await database.ExecuteAsync($"rollback prepared '{name}'");
    }

    [Fact]
    public async Task A_worker_that_does_not_answer_is_a_transient_error()
    {
        await using var database = await LedgerDatabase.CreateAsync(distributed: true);
        await database.ExecuteAsync("insert into worker values (null)");
        var error = await Assert.ThrowsAsync<NpgsqlException>(() => LedgerSnapshot.OpenAsync(database.Source, CancellationToken.None));
        Assert.True(DatabaseErrors.IsTransient(error));
        Assert.Contains("worker", DatabaseErrors.Describe(error), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_has_balances_that_match_its_sources_or_is_refused()
    {
        await using var database = await LedgerDatabase.CreateAsync(distributed: true);
        var source = await ApplyAsync(database);
        var moves = 0;

        // A range is applied during the first and the second copy, but not during the third.
        await using var snapshot = await LedgerSnapshot.OpenAsync(
            database.Source, CancellationToken.None, () => new Moving(() => moves < 2 ? ApplyAsync(database, source, 10 + moves++) : Task.FromResult(false)));
        Assert.Equal((2, 12), (moves, Assert.Single(snapshot.Sources).AppliedThrough));
        for (var twice = 0; twice < 2; twice++)
        {
            var balances = new List<(string, System.Numerics.BigInteger)>();
            await foreach (var (user, revenue) in snapshot.ReadBalancesAsync(CancellationToken.None))
            {
                balances.Add((System.Text.Encoding.UTF8.GetString(user.Span), revenue));
            }

            Assert.Equal([("a", 3), ("b", 6)], balances);
        }

        var refused = await Assert.ThrowsAsync<LedgerException>(() => LedgerSnapshot.OpenAsync(
            database.Source, CancellationToken.None, () => new Moving(() => ApplyAsync(database, source, 10 + moves++)), TimeSpan.Zero));
        Assert.Contains("stop the processors", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_merge_of_a_distributed_ledger_commits_synchronously_regardless_of_the_databases_setting(bool distributed)
    {
        await using var database = await LedgerDatabase.CreateAsync(distributed);
        await database.ExecuteAsync(
            """
            create table setting (value text);
            create function note() returns trigger language plpgsql as
              'begin insert into setting values (current_setting(''synchronous_commit'')); return null; end';
            create trigger note after insert on users_revenue execute function note();
            """);
        await using var lax = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Options = "-c synchronous_commit=off" }.ConnectionString);
        var deltas = TestDeltas.Numbered(10, i => i);
        var range = await database.FreezeAsync(deltas, parts: 1);
        Assert.True(await PartMerge.MergeAsync(lax, range.Id, range.Frozen!.Parts[0], deltas, null, null, CancellationToken.None));
        Assert.Equal(distributed ? "on" : "off", await database.ScalarAsync<string>("select value from setting"));
    }

    [Fact]
    public async Task A_worker_is_refused_as_the_ledger()
    {
        await using var database = await LedgerDatabase.CreateAsync(distributed: true);
        Assert.NotNull(await LedgerSchema.InspectAsync(database.Source, CancellationToken.None));
        await database.ExecuteAsync("update pg_dist_local_group set groupid = 1");
        await database.ExecuteAsync("drop table event_source, event_range, event_part, event_source_digest, rejected_event");
        var refused = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database.Source, CancellationToken.None));
        Assert.Contains("worker", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from pg_class where relname = 'event_source'"));
    }

    [Fact]
    public async Task DistributeAsync_reports_a_missing_extension()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var refused = await Assert.ThrowsAsync<LedgerException>(() => LedgerDistribution.DistributeAsync(database.Source, null, CancellationToken.None));
        Assert.Contains("create extension citus", refused.Message, StringComparison.Ordinal);
    }

    private static string Name() => $"citus_0_{Guid.NewGuid():N}";

    /// <summary>Prepares a transaction that adds 100 to a user, like the first phase of a commit.</summary>
    private static async Task PrepareAsync(LedgerDatabase database, string name, string user)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var prepare = connection.CreateCommand();
        prepare.CommandText = $"begin; update users_revenue set revenue = revenue + 100 where user_id = '{user}'; prepare transaction '{name}'";
        await prepare.ExecuteNonQueryAsync();
    }

    private static async Task<Guid> ApplyAsync(LedgerDatabase database)
    {
        var source = await database.OpenLogAsync();
        Assert.True(await database.ApplyAsync(source.Id, 0, 10, Deltas, [], 2, 2, new byte[32]));
        return source.Id;
    }

    private static TestDeltas Deltas => new(("a", 1), ("b", 2));

    private static Task<bool> ApplyAsync(LedgerDatabase database, Guid source, long from) =>
        database.ApplyAsync(source, from, from + 1, Deltas, [], 2, 2, new byte[32]);

    private sealed class Moving(Func<Task<bool>> move) : MemoryStream
    {
        private bool _moved;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (!_moved)
            {
                _moved = true;
                await move();
            }

            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
