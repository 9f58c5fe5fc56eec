using System.Net;
using Npgsql;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Tests.Health;

/// <summary>A ledger that does not match the log, and tables that cannot keep the ledger correct.</summary>
public sealed class LedgerGuardTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly TempDirectory _copies = new();

    public void Dispose()
    {
        _directory.Dispose();
        _copies.Dispose();
    }

    [Fact]
    public async Task An_api_on_an_older_copy_of_its_log_refuses_events_and_accepts_them_on_the_newer_one()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await FillAsync(database, "user1");
        Copy(_directory.File("events"), _copies.File("old"));
        await FillAsync(database, "user2");
        Directory.Move(_directory.File("events"), _copies.File("new"));
        Copy(_copies.File("old"), _directory.File("events"));

        await using (var api = await ApiHost.StartAsync(_directory, database))
        {
            await AssertRefusesAsync(api, "older copy");
        }

        Directory.Delete(_directory.File("events"), recursive: true);
        Directory.Move(_copies.File("new"), _directory.File("events"));
        await using var again = await ApiHost.StartAsync(_directory, database);
        (await again.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task An_api_on_a_diverged_copy_of_its_log_refuses_events()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await FillAsync(database, "user1");
        Copy(_directory.File("events"), _copies.File("old"));
        await FillAsync(database, "user2");
        Directory.Delete(_directory.File("events"), recursive: true);
        Copy(_copies.File("old"), _directory.File("events"));

        // Without the database, the API cannot compare, so it accepts events. Send at least as many bytes as the ledger has applied.
        await using (var alone = await ApiHost.StartAsync(_directory))
        {
            (await alone.PostEventAsync(Sample.Add("other1", 1))).Expect(HttpStatusCode.Accepted);
            (await alone.PostEventAsync(Sample.Add("other2", 1))).Expect(HttpStatusCode.Accepted);
        }

        await using var api = await ApiHost.StartAsync(_directory, database);
        await AssertRefusesAsync(api, "another copy");
    }

    [Fact]
    public async Task Health_is_unhealthy_for_an_emptied_ledger_and_names_schema_and_settings()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await FillAsync(database, "user1");
        await using var api = await ApiHost.StartAsync(_directory, database);
        var check = await DatabaseCheckAsync(api, HttpStatusCode.OK);
        Assert.Equal("public", check.GetProperty("data").GetProperty("schema").GetString());
        Assert.Equal("on", check.GetProperty("data").GetProperty("synchronousCommit").GetString());
        Assert.Equal(await ScalarAsync(database, "show fsync") == "on", check.GetProperty("data").GetProperty("fsync").GetBoolean());
        Assert.Equal(await ScalarAsync(database, "show fsync") == "off",
            check.GetProperty("description").GetString()!.Contains("fsync is off", StringComparison.Ordinal));
        Assert.Equal(await ScalarAsync(database, "show full_page_writes") == "on", check.GetProperty("data").GetProperty("fullPageWrites").GetBoolean());

        await ScalarAsync(database, "create table kept as select * from users_revenue; truncate users_revenue; select ''");

        Assert.Contains("users_revenue is empty", (await DatabaseCheckAsync(api, HttpStatusCode.ServiceUnavailable)).GetProperty("description").GetString(),
            StringComparison.Ordinal);
        (await api.PostEventAsync(Sample.Plain)).Expect(HttpStatusCode.Accepted);
        await ScalarAsync(database, "insert into users_revenue select * from kept; alter table users_revenue set unlogged; select ''");
        Assert.Contains("UNLOGGED", (await DatabaseCheckAsync(api, HttpStatusCode.ServiceUnavailable)).GetProperty("description").GetString(),
            StringComparison.Ordinal);
        await ScalarAsync(database, "alter table users_revenue set logged; select ''");
        await DatabaseCheckAsync(api, HttpStatusCode.OK);
    }

    [Fact]
    public async Task Probes_of_an_unresponsive_database_share_one_inspection()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await FillAsync(database, "user1");
        await using var api = await ApiHost.StartAsync(_directory, database);
        await DatabaseCheckAsync(api, HttpStatusCode.OK);
        await using var source = NpgsqlDataSource.Create(database);
        await using var holder = await source.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("lock table users_revenue", holder);
        await hold.ExecuteNonQueryAsync();

        var probes = Enumerable.Range(0, 20).Select(_ => api.GetAsync("/health")).ToArray();
        const string looks =
            """
            select count(*)::text from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%exists (select 1 from users_revenue limit 1)%'
            """;
        await Eventually.EqualsAsync("1", () => ScalarAsync(database, looks));

        Assert.All(await Task.WhenAll(probes), answer => Assert.Contains("the database is unavailable", answer.Body, StringComparison.Ordinal));
        // A later inspection may have begun while the server still cancels the first one.
        Assert.InRange(int.Parse(await ScalarAsync(database, looks), null), 0, 2);
    }

    [Theory]
    [InlineData("users_revenue", "File")]
    [InlineData("event_log_batch", "Postgres")]
    public async Task A_start_is_refused_while_a_table_is_UNLOGGED(string table, string engine)
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using (await ApiHost.StartAsync(_directory, database, $"EventLog:Engine={engine}"))
        {
            await Eventually.IsTrueAsync(async () => await ScalarAsync(database, $"select coalesce(to_regclass('{table}')::text, '')") == table);
        }

        await ScalarAsync(database, $"alter table {table} set unlogged; select ''");
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => ApiHost.StartAsync(_directory, database, $"EventLog:Engine={engine}"));
        Assert.Contains($"UNLOGGED: {table}", RevenueAspire.Api.Hosting.StartupFailure.Describe(refusal), StringComparison.Ordinal);
    }

    private static async Task AssertRefusesAsync(ApiHost api, string cause)
    {
        foreach (var answer in (Answer[])[await api.PostEventAsync(Sample.Plain), await api.PostEventsAsync(Sample.Plain),
            await api.PostEventAsync(Sample.Plain, ("Idempotency-Key", "a"))])
        {
            Assert.Contains(cause, answer.ExpectProblem(503, null).Body, StringComparison.Ordinal);
        }

        var log = (await api.GetAsync("/health")).Expect(HttpStatusCode.ServiceUnavailable).Json.GetProperty("checks").GetProperty("log");
        Assert.Equal("Unhealthy", log.GetProperty("status").GetString());
        Assert.Contains(cause, log.GetProperty("description").GetString(), StringComparison.Ordinal);
        (await api.GetAsync("/userEvents/user1")).Expect(HttpStatusCode.OK);
    }

    private async Task FillAsync(string database, string user)
    {
        await using var api = await ApiHost.StartAsync(_directory, database);
        (await api.PostEventAsync(Sample.Add(user, 1))).Expect(HttpStatusCode.Accepted);
        await Processor.ApplyAsync(api, database);
    }

    private static async Task<System.Text.Json.JsonElement> DatabaseCheckAsync(ApiHost api, HttpStatusCode status)
    {
        await Eventually.EqualsAsync((int)status, async () => (await api.GetAsync("/health")).Status);
        return (await api.GetAsync("/health")).Json.GetProperty("checks").GetProperty("database");
    }

    private static async Task<string> ScalarAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        await using var rows = await command.ExecuteReaderAsync();
        while (!await rows.ReadAsync())
        {
            Assert.True(await rows.NextResultAsync());
        }

        return rows.GetString(0);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }
}
