using System.Net;
using Npgsql;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Tests.Reads;

/// <summary>The database load of waiting reads, and reads while the database is unavailable.</summary>
public sealed class UnavailableLedgerTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task All_waiting_reads_share_one_poll_and_without_them_there_is_none()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var api = await ApiHost.StartAsync(_directory, database, "Api:ReadAfterTimeout=00:00:30");
        var receipt = (await api.PostEventAsync(Sample.Add("user1", 27))).Receipt;
        await Eventually.EqualsAsync("durable", async () => (await api.GetAsync($"/receipts/{receipt}")).Json.GetProperty("state").GetString());
        using var abandon = new CancellationTokenSource();
        var before = await TransactionsAsync(database);

        var reads = Enumerable.Range(0, 200).Select(_ => api.Client.GetAsync(new Uri($"/userEvents/user1?after={receipt}", UriKind.Relative), abandon.Token))
            .ToList();
        await Task.Delay(1500);
        await abandon.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(reads));

        // 200 separate polls every 20 ms would be 15,000 transactions.
        await Task.Delay(1200);
        var waited = await TransactionsAsync(database) - before;
        Assert.InRange(waited, 5, 400);

        // Without clients there are no polls.
        await Task.Delay(1500);
        Assert.InRange(await TransactionsAsync(database) - before - waited, 0, 10);
    }

    [Fact]
    public async Task The_api_starts_and_accepts_events_without_the_database_and_reads_when_it_answers()
    {
        var database = new NpgsqlConnectionStringBuilder(await TestPostgres.CreateDatabaseAsync());
        var later = database.Database!;
        database.Database = later + "x";
        await using var api = await ApiHost.StartAsync(_directory, database.ConnectionString, "Api:ReadAfterTimeout=00:00:30");

        var receipt = (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted).Receipt;
        (await api.GetAsync("/userEvents/user1")).ExpectProblem(503, null);
        Assert.Equal("""{"state":"durable"}""", (await api.GetAsync("/receipts/" + receipt)).Body);
        var health = (await api.GetAsync("/health")).Expect(HttpStatusCode.OK);
        Assert.Equal("Degraded", health.Json.GetProperty("status").GetString());
        Assert.Equal("Degraded", health.Json.GetProperty("checks").GetProperty("database").GetProperty("status").GetString());
        Assert.DoesNotContain("Password", health.Body, StringComparison.OrdinalIgnoreCase);
        var waiting = api.GetAsync($"/userEvents/user1?after={receipt}");

        await RenameAsync(database.ConnectionString, later, later + "x");

        await Processor.ApplyAsync(api, database.ConnectionString);
        Assert.Equal(98, (await waiting).Expect(HttpStatusCode.OK).Json.GetProperty("revenue").GetInt32());
        await Eventually.EqualsAsync("Healthy", async () => (await api.GetAsync("/health")).Json.GetProperty("status").GetString());
    }

    [Fact]
    public async Task The_api_creates_the_tables()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var api = await ApiHost.StartAsync(_directory, database);

        await Eventually.EqualsAsync(404, async () => (await api.GetAsync("/userEvents/user1")).Status);
    }

    private static async Task RenameAsync(string connectionString, string from, string to)
    {
        NpgsqlConnection.ClearAllPools();
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres" });
        await using var rename = source.CreateCommand($"alter database {from} rename to {to}");
        await rename.ExecuteNonQueryAsync();
    }

    /// <summary>Commits in a database so far, by its statistics, which lag by up to a second.</summary>
    private static async Task<long> TransactionsAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres", Pooling = false });
        await using var count = source.CreateCommand(
            $"select xact_commit + xact_rollback from pg_stat_database where datname = '{new NpgsqlConnectionStringBuilder(connectionString).Database}'");
        return (long)(await count.ExecuteScalarAsync())!;
    }
}
