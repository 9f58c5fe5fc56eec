using System.Numerics;
using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>Unusual databases: session defaults from the environment or an operator, a read-only phase, no tables yet.</summary>
public sealed class DatabaseSettingsTests
{
    private const string Line = """{"userId":"J\u00fcrgen \u20ac","name":"add_revenue","value":7}""";

    [Fact]
    public async Task Variables_of_psql_change_neither_user_ids_nor_totals()
    {
        await using var installation = await Installation.CreateAsync();
        foreach (var (name, value) in ((string, string)[])[("PGCLIENTENCODING", "LATIN1"), ("PGTZ", "Nowhere/Nothing"), ("PGSSLNEGOTIATION", "direct"),
            ("PGTARGETSESSIONATTRS", "standby")])
        {
            installation.Settings[name] = value;
        }

        await File.WriteAllTextAsync(installation.File("a.jsonl"), Line + "\n");
        await using var process = await installation.RunAsync("RevenueAspire.Processor", "process", installation.File("a.jsonl"));
        Assert.True(process.ExitCode == 0, process.Output);
        var expected = new Totals();
        expected.Set("J\u00fcrgen \u20ac", new BigInteger(7));
        await installation.AssertLedgerAsync(expected);
    }

    [Theory]
    [InlineData("PGOPTIONS", "-c default_transaction_read_only=on", "read-only")]
    [InlineData("PGOPTIONS", "-c search_path=missing", "search_path is missing")]
    [InlineData("PGOPTIONS", "-c no_such_setting=1", "no_such_setting")]
    [InlineData("PGOPTIONS", "-c standard_conforming_strings=off", "standard_conforming_strings is off")]
    [InlineData("PGSSLROOTCERT", "/no/such/file", "PGSSLROOTCERT")]
    [InlineData("PGSSLCERT", "/no/such/file", "PGSSLCERT")]
    [InlineData("ConnectionStrings__revenuedb", "postgresql://u:s3cret-p4ss@127.0.0.1/db", "is a URL")]
    [InlineData("ConnectionStrings__revenuedb", "Host=127.0.0.1;Multiplexing=true;Password=s3cret-p4ss", "Multiplexing")]
    [InlineData("ConnectionStrings__revenuedb", "Host=127.0.0.1;Write Buffer Size=512;Password=s3cret-p4ss", "Write Buffer Size")]
    public async Task An_unusable_setting_is_refused_by_name_in_one_line_at_start(string name, string value, string named)
    {
        await using var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__Engine"] = "Postgres";
        await File.WriteAllTextAsync(installation.File("a.jsonl"), Line + "\n");
        foreach (var arguments in (string[][])[["process", installation.File("a.jsonl")], []])
        {
            await using var run = installation.Start("RevenueAspire.Processor", new Dictionary<string, string?> { [name] = value }, arguments);
            Assert.Equal(1, await run.WaitForExitAsync());
            var errors = string.Join('\n', run.StandardError);
            Assert.Contains(named, errors, StringComparison.Ordinal);
            Assert.DoesNotContain("\n", errors, StringComparison.Ordinal);
            Assert.DoesNotContain("s3cret-p4ss", run.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("File")]
    [InlineData("Postgres")]
    public async Task After_a_read_only_phase_api_and_processor_continue_without_a_restart(string engine)
    {
        await using var installation = await Installation.CreateAsync();
        installation.Settings["EventLog__Engine"] = engine;
        await installation.StartApiAsync();
        installation.StartProcessor();
        var totals = new Totals();
        await PostAsync("before");
        await installation.AssertLedgerAsync(totals);

        var database = new NpgsqlConnectionStringBuilder(installation.ConnectionString);
        await using var admin =
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = "postgres" }.ConnectionString);
        await ExecuteAsync(admin, $"alter database {database.Database} set default_transaction_read_only = on");
        await ExecuteAsync(admin, $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.Database}'");

        // Wait until the writer has reconnected and found the database read-only.
        var during = PostAsync("during");
        await Eventually.IsTrueAsync(() => installation.Outputs().Contains("the database is read-only", StringComparison.Ordinal));
        await ExecuteAsync(admin, $"alter database {database.Database} reset default_transaction_read_only");
        await during;
        await PostAsync("after");
        await installation.AssertLedgerAsync(totals);

        async Task PostAsync(string key)
        {
            var e = new RevenueEvent("user1", "add_revenue", 5);
            totals.Add(e);
            await installation.PostUntilAcknowledgedAsync(e, key);
        }
    }

    [Fact]
    public async Task The_first_start_on_an_empty_database_with_the_log_in_Postgres_creates_the_tables_silently()
    {
        for (var round = 0; round < 2; round++)
        {
            await using var installation = await Installation.CreateAsync();
            installation.Settings["EventLog__Engine"] = "Postgres";
            var processor = installation.StartProcessor();
            var api = await installation.StartApiAsync();
            var receipt = await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 5), "key");
            Assert.Equal(5, await installation.RevenueAfterAsync("user1", receipt));
            Assert.Empty(api.StandardError);
            foreach (var output in (string[])[api.Output, processor.Output])
            {
                Assert.DoesNotContain("warn:", output, StringComparison.Ordinal);
                Assert.DoesNotContain("fail:", output, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task With_the_log_in_Postgres_a_pool_of_two_connections_suffices_and_one_is_refused()
    {
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var installation = new Installation(database + ";Maximum Pool Size=2") { Settings = { ["EventLog__Engine"] = "Postgres" } };
        await installation.StartApiAsync();
        installation.StartProcessor();
        var receipt = await installation.PostUntilAcknowledgedAsync(new RevenueEvent("user1", "add_revenue", 5), "key");
        Assert.Equal(5, await installation.RevenueAfterAsync("user1", receipt));

        foreach (var project in (string[])["RevenueAspire.Api", "RevenueAspire.Processor"])
        {
            await using var refused = installation.Start(
                project, new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = database + ";Maximum Pool Size=1" });
            Assert.Equal(1, await refused.WaitForExitAsync());
            Assert.Contains("Maximum Pool Size must be at least 2", Assert.Single(refused.StandardError), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task With_a_pooler_notifications_come_over_the_session_connection()
    {
        var program = PgBouncer.Find();
        Assert.SkipWhen(program is null, "This machine has no pgbouncer (apt-get install pgbouncer).");
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var pooler = await PgBouncer.StartAsync(program!, database);
        await using var installation = new Installation(pooler.ConnectionString) { Settings = { ["EventLog__Engine"] = "Postgres" } };
        await installation.StartApiAsync();
        var without = installation.StartProcessor();
        await without.WaitForLineAsync("ConnectionStrings:revenuedb-session");
        installation.Settings["ConnectionStrings__revenuedb-session"] = database;
        var with = installation.StartProcessor();
        await using var direct = NpgsqlDataSource.Create(database);
        await Eventually.IsTrueAsync(async () =>
        {
            await using var listening = direct.CreateCommand(
                "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen revenue_event_log'");
            return (long)(await listening.ExecuteScalarAsync())! == 1;
        });
        Assert.DoesNotContain("revenuedb-session", with.Output, StringComparison.Ordinal);
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
