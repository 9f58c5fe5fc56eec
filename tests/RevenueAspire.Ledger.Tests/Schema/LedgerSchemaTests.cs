using System.Diagnostics;
using Npgsql;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

public sealed class LedgerSchemaTests
{
    private const string Tables =
        """
        select string_agg(table_name || '.' || column_name || ' ' || data_type, ', ' order by table_name, ordinal_position)
        from information_schema.columns where table_schema = 'public'
        """;

    [Fact]
    public async Task ApplyAsync_by_eight_processes_at_once_creates_one_schema()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            // One data source per task, so that no two tasks share a connection.
            await using var source = NpgsqlDataSource.Create(connectionString);
            await LedgerSchema.ApplyAsync(source, CancellationToken.None);
        }));

        await using var database = NpgsqlDataSource.Create(connectionString);
        Assert.Equal("user_id text, revenue numeric", await ScalarAsync(database,
            "select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) from "
                + "information_schema.columns where table_name = 'users_revenue'"));
        Assert.Equal("C",
            await ScalarAsync(
            database, "select collation_name from information_schema.columns where table_name = 'users_revenue' and column_name = 'user_id'"));
    }

    [Fact]
    public async Task ApplyAsync_again_changes_nothing_and_needs_no_privilege_to_create_tables()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 27)");
        var role = "r" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync($"create role {role} login password 'x'");
        await database.ExecuteAsync("revoke create on schema public from public");
        try
        {
            var before = await database.ScalarAsync<string>(Tables);
            await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
            await database.ExecuteAsync($"grant select on all tables in schema public to {role}");
            await using var limited =
                NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = "x" }.ConnectionString);
            await LedgerSchema.ApplyAsync(limited, CancellationToken.None);
            Assert.Equal(before, await database.ScalarAsync<string>(Tables));
            Assert.Equal("27", await database.Queries.FindRevenueAsync("user1", CancellationToken.None));
        }
        finally
        {
            await database.ExecuteAsync($"drop owned by {role}; drop role {role}");
        }
    }

    [Fact]
    public async Task The_script_sets_the_version_that_ApplyAsync_expects()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        Assert.Equal(LedgerSchema.Version, await database.ScalarAsync<string>("select obj_description('event_source'::regclass, 'pg_class')"));
    }

    [Fact]
    public async Task Psql_applies_the_script_to_an_empty_and_to_an_existing_database()
    {
        var psql = FindPsql();
        Assert.SkipWhen(psql is null, "psql is not installed here");
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var database = NpgsqlDataSource.Create(connectionString);
        Assert.Equal((0, ""), await RunPsqlAsync(psql, connectionString));
        var tables = await ScalarAsync(database, Tables);
        Assert.Contains("users_revenue.revenue numeric", tables, StringComparison.Ordinal);
        Assert.Equal((0, ""), await RunPsqlAsync(psql, connectionString));
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        Assert.Equal(tables, await ScalarAsync(database, Tables));
    }

    [Fact]
    public async Task Psql_shows_the_reason_for_a_refused_database()
    {
        var psql = FindPsql();
        Assert.SkipWhen(psql is null, "psql is not installed here");
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var database = NpgsqlDataSource.Create(connectionString);
        await ExecuteAsync(database, "create table users_revenue (user_id varchar(50) primary key, revenue integer)");
        var (exitCode, errors) = await RunPsqlAsync(psql, connectionString);
        Assert.Equal(3, exitCode);
        Assert.Contains("users_revenue exists already", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("user_id varchar(50) primary key, revenue integer")]
    [InlineData("user_id text primary key, revenue bigint not null")]
    [InlineData("user_id text collate \"C\" primary key, revenue text not null")]
    [InlineData("user_id text primary key, revenue numeric not null")]
    [InlineData("user_id text collate \"C\" primary key, revenue numeric(10,2) not null")]
    [InlineData("user_id text collate \"C\" primary key, revenue numeric")]
    [InlineData("user_id text collate \"C\" not null, revenue numeric not null")]
    [InlineData("user_id text collate \"C\", revenue numeric not null, primary key (user_id, revenue)")]
    [InlineData("user_id text collate \"C\" primary key, revenue numeric not null, name text")]
    public async Task ApplyAsync_refuses_a_users_revenue_of_another_shape_and_names_a_remedy(string columns)
    {
        await using var database = NpgsqlDataSource.Create(await TestPostgres.CreateDatabaseAsync());
        await ExecuteAsync(database, $"create table users_revenue ({columns})");
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database, CancellationToken.None));
        Assert.Contains("alter table users_revenue rename to users_revenue_old", refusal.Message, StringComparison.Ordinal);
        Assert.False(DatabaseErrors.IsTransient(refusal));

        // The refusal changed nothing, and its advice works.
        Assert.Equal("", await ScalarAsync(database, "select coalesce(to_regclass('event_source')::text, '')"));
        await ExecuteAsync(database, "alter table users_revenue rename to users_revenue_old");
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
    }

    [Fact]
    public async Task ApplyAsync_refuses_a_users_revenue_that_was_changed_later_without_advice_that_loses_balances()
    {
        await using var database = NpgsqlDataSource.Create(await TestPostgres.CreateDatabaseAsync());
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
        await ExecuteAsync(database, "alter table users_revenue add column name text");

        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database, CancellationToken.None));

        Assert.EndsWith("it was changed: change it back with alter table and start again", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another database", refusal.Message, StringComparison.Ordinal);
        await ExecuteAsync(database, "alter table users_revenue drop column name");
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
    }

    [Fact]
    public async Task ApplyAsync_accepts_an_existing_empty_table_of_the_right_shape()
    {
        await using var database = NpgsqlDataSource.Create(await TestPostgres.CreateDatabaseAsync());
        await ExecuteAsync(database, "create table users_revenue (user_id text collate \"C\" primary key, revenue numeric not null)");
        await LedgerSchema.ApplyAsync(database, CancellationToken.None);
    }

    [Fact]
    public async Task ApplyAsync_refuses_a_missing_users_revenue_after_events_were_applied()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        var source = await database.OpenLogAsync();
        await database.ExecuteAsync("drop table users_revenue");
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        Assert.True(await database.ApplyAsync(source.Id, 0, 10, new TestDeltas(("user1", 1)), [], 1, 1));

        await database.ExecuteAsync("drop table users_revenue");
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database.Source, CancellationToken.None));
        Assert.Contains("users_revenue is missing", refusal.Message, StringComparison.Ordinal);
        await database.ExecuteAsync("drop table event_source, event_source_digest, event_range, event_part, rejected_event");
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
    }

    [Fact]
    public async Task M1_the_database_generates_no_id()
    {
        // After a crash that loses a commit, a sequence would return the same number again.
        await using var database = await LedgerDatabase.CreateAsync();
        Assert.Equal(0, await database.ScalarAsync<long>("select count(*) from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace"));
        Assert.Equal(0,
            await database.ScalarAsync<long>(
            "select count(*) from information_schema.columns where table_schema = 'public' and column_name like '%id' and "
            + "(column_default is not null or is_identity = 'YES')"));
        Assert.Equal(0,
            await database.ScalarAsync<long>(
            "select count(*) from information_schema.columns where table_schema = 'public' and column_name in ('source_id', 'range_id', 'content_id', "
            + "'lease_owner', 'recorded_by') and data_type <> 'uuid'"));
    }

    [Fact]
    public async Task The_script_accepts_its_own_tables_and_a_change_to_them_needs_a_new_version()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("comment on table event_source is null");
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);

        // A change of the tables must change this line together with the version. Otherwise, the programs would accept an older database.
        var tables = await database.ScalarAsync<string>(Tables);
        Assert.Equal("ledger schema 4: bdc864d8f0a44e84",
            $"{LedgerSchema.Version}: "
            + $"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(tables)))[..16]}");
    }

    [Fact]
    public async Task ApplyAsync_adds_the_table_of_paths_to_a_ledger_of_version_3_and_keeps_the_rest()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync(
            "drop table event_source_path; comment on table event_source is 'ledger schema 3'; insert into users_revenue values ('user1', 27)");
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        Assert.Equal(LedgerSchema.Version, await database.ScalarAsync<string>("select obj_description('event_source'::regclass, 'pg_class')"));
        Assert.Equal(
            "1 0", await database.ScalarAsync<string>("select (select count(*) from users_revenue) || ' ' || (select count(*) from event_source_path)"));

        // The paths are only hints, so a ledger without them works.
        await database.ExecuteAsync("drop table event_source_path");
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from event_source_path"));
    }

    [Theory]
    [InlineData("alter table event_source drop column revenue_through; comment on table event_source is 'ledger schema 2'",
        "another version of this program created them (ledger schema 2)")]
    [InlineData(
        "alter table event_source_digest drop column recorded_by; comment on table event_source is null",
        "another version of this program created them (unnamed)")]
    [InlineData("alter table event_range alter column events type integer; comment on table event_source is 'ledger schema 1'",
        "another version of this program created them")]
    [InlineData(
        "comment on table event_source is 'ledger schema 5'",
        "a newer version of this program created the tables (ledger schema 5; this version supports 4)")]
    [InlineData("drop table event_source_digest; comment on table event_source is null", "event_source_digest is missing")]
    [InlineData("drop table event_source, event_part", "event_part, event_source is missing")]
    public async Task ApplyAsync_refuses_tables_of_another_version_and_names_a_remedy(string change, string said)
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 27)");
        await database.ExecuteAsync(change);
        var before = await database.ScalarAsync<string>(Tables);
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database.Source, CancellationToken.None));
        Assert.Contains(said, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(before, await database.ScalarAsync<string>(Tables));

        // The advice in the message works when pasted.
        await database.ExecuteAsync(refusal.Message.Split('"')[1]);
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from users_revenue"));
    }

    [Fact]
    public async Task ApplyAsync_refuses_balances_without_a_record_of_the_counted_sources()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync("insert into users_revenue values ('user1', 27)");
        await database.ExecuteAsync("drop table event_source, event_source_digest, event_range, event_part, rejected_event");
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database.Source, CancellationToken.None));
        Assert.Contains("counted again", refusal.Message, StringComparison.Ordinal);
        await database.ExecuteAsync(refusal.Message.Split('"')[1]);
        await LedgerSchema.ApplyAsync(database.Source, CancellationToken.None);
    }

    [Fact]
    public async Task ApplyAsync_refuses_a_database_that_is_not_UTF8()
    {
        var given = await TestPostgres.CreateDatabaseAsync();
        var name = "t" + Guid.NewGuid().ToString("N");
        await using (var server = NpgsqlDataSource.Create(given))
        {
            await ExecuteAsync(server, $"create database {name} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'");
        }

        await using var database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(given) { Database = name }.ConnectionString);
        var refusal = await Assert.ThrowsAsync<LedgerException>(() => LedgerSchema.ApplyAsync(database, CancellationToken.None));
        Assert.Contains("LATIN1", refusal.Message, StringComparison.Ordinal);

        // The advice in the message works when pasted.
        await using var better = NpgsqlDataSource.Create(given);
        await ExecuteAsync(better, refusal.Message[(refusal.Message.IndexOf("\"create", StringComparison.Ordinal) + 1)..refusal.Message.LastIndexOf('"')]);
        await using var other = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(given) { Database = name + "_utf8" }.ConnectionString);
        await LedgerSchema.ApplyAsync(other, CancellationToken.None);
    }

    private static string? FindPsql() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Where(folder => folder.Length > 0)
            .Concat(Directory.Exists("/usr/lib/postgresql")
                ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")) : [])
            .SelectMany(folder => new[] { Path.Combine(folder, "psql"), Path.Combine(folder, "psql.exe") })
            .FirstOrDefault(File.Exists);

    private static async Task<(int ExitCode, string Errors)> RunPsqlAsync(string psql, string connectionString)
    {
        var target = new NpgsqlConnectionStringBuilder(connectionString);
        var start = new ProcessStartInfo(psql) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (
            string[])["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", target.Host!, "-p", $"{target.Port}", "-U", target.Username!, "-d", target.Database!,
            "-f", Path.Combine(Repository.Root, "src/RevenueAspire.Ledger/db.sql")])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["PGPASSWORD"] = target.Password;

        // On the second run, every table exists already; the notices about that are not errors.
        start.Environment["PGOPTIONS"] = "-c client_min_messages=warning";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        Assert.Equal("", await output);
        await process.WaitForExitAsync();
        return (process.ExitCode, errors);
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> ScalarAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
