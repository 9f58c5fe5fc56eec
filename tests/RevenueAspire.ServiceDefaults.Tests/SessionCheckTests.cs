using Microsoft.Extensions.Configuration;
using Npgsql;
using RevenueAspire.Postgres;
using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

/// <summary>If a session default would cause wrong data, the session is refused, and the message names the default, regardless of its source.</summary>
public sealed class SessionCheckTests
{
    [Theory]
    [InlineData("Options=-c default_transaction_isolation=serializable", "default_transaction_isolation is serializable")]
    [InlineData("Options=-c standard_conforming_strings=off", "standard_conforming_strings is off")]
    [InlineData("Options=-c default_transaction_read_only=on", "read-only")]
    [InlineData("Search Path=missing", "search_path is missing")]
    public async Task A_session_default_of_the_connection_is_refused_by_name(string settings, string named)
    {
        await using var source = Source($"{await TestPostgres.CreateDatabaseAsync()};{settings}");
        foreach (var open in (Func<Task>[])[async () => await source.OpenConnectionAsync(), () => Task.Run(source.OpenConnection)])
        {
            var error = await Assert.ThrowsAsync<SessionSettingException>(open);
            Assert.Contains(named, DatabaseErrors.Describe(error), StringComparison.Ordinal);
            Assert.Contains("ConnectionStrings:revenuedb", DatabaseErrors.Describe(error), StringComparison.Ordinal);
            Assert.True(DatabaseErrors.IsSettings(error));
        }
    }

    [Theory]
    [InlineData("default_transaction_isolation = 'repeatable read'", "default_transaction_isolation is repeatable read")]
    [InlineData("search_path = missing", "search_path is missing")]
    [InlineData("standard_conforming_strings = off", "standard_conforming_strings is off")]
    public async Task A_session_default_of_the_database_is_refused_by_name(string setting, string named)
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await ExecuteAsync(connectionString, $"alter database {new NpgsqlConnectionStringBuilder(connectionString).Database} set {setting}");
        await using var source = Source(connectionString);
        var error = await Assert.ThrowsAsync<SessionSettingException>(async () => await source.OpenConnectionAsync());
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_client_encoding_of_the_database_has_no_effect_and_read_only_mode_allows_reads()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(connectionString).Database;
        await ExecuteAsync(connectionString,
            $"alter database {name} set client_encoding = 'LATIN1'; alter database {name} set default_transaction_read_only = on");
        await using var source = Source(connectionString);
        await using var command = source.CreateCommand("select current_setting('client_encoding') || current_setting('default_transaction_read_only')");
        Assert.Equal("UTF8on", await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_pooler_is_recognized_and_a_server_is_not_treated_as_one()
    {
        var program = PgBouncer.Find();
        Assert.SkipWhen(program is null, "This machine has no pgbouncer (apt-get install pgbouncer).");
        var database = await TestPostgres.CreateDatabaseAsync();
        await using var pooler = await PgBouncer.StartAsync(program!, database);
        await using var direct = Source(database);
        await using var pooled = Source(pooler.ConnectionString);
        await using var declared = Source(database.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) + ";No Reset On Close=true");
        foreach (var (source, expected) in new[] { (direct, false), (pooled, true), (declared, true) })
        {
            await using var connection = await source.OpenConnectionAsync();
            Assert.Equal(expected, NamedStatements.IsPooler(connection));
        }
    }

    [Fact]
    public async Task A_long_statement_passes_a_pooler_with_few_sessions_intact()
    {
        var program = PgBouncer.Find();
        Assert.SkipWhen(program is null, "This machine has no pgbouncer (apt-get install pgbouncer).");
        await using var pooler = new PgBouncer(program!, await TestPostgres.CreateDatabaseAsync()) { PoolSize = 2 };
        await pooler.StartAsync();
        await using var source = Source(pooler.ConnectionString);

        // Send a statement longer than the pooler's buffer. If a reset preceded it, the pooler could give the session to another client in the middle of the
        // statement.
        var statement = $"select '{new string('w', 60_000)}'";
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < 50; i++)
            {
                await using var command = source.CreateCommand(statement);
                command.CommandTimeout = 10;
                Assert.Equal(60_000, (await command.ExecuteScalarAsync() as string)?.Length);
            }
        }));
    }

    private static NpgsqlDataSource Source(string connectionString) =>
        new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:revenuedb", connectionString)]).Build().BuildRevenueDatabase("Reader");

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString + ";Pooling=false");
        foreach (var statement in sql.Split(';'))
        {
            await using var command = source.CreateCommand(statement);
            await command.ExecuteNonQueryAsync();
        }
    }
}
