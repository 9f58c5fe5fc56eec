using System.Net;
using System.Net.Sockets;
using Npgsql;
using RevenueAspire.Postgres;

namespace RevenueAspire.Ledger.Tests;

/// <summary>Rule M12: the full SQLSTATE decides, the message names the setting, and an unusable session is dropped.</summary>
public sealed class SqlStateTests(SharedLedger ledger) : IClassFixture<SharedLedger>
{
    private const string Password = "s3cret-p4ssword";

    [Theory]
    [InlineData("prepare twice as select 1; prepare twice as select 1", "42P05", true, "No Reset On Close=true")]
    [InlineData("execute never_prepared", "26000", true, "No Reset On Close=true")]
    [InlineData("begin; set local search_path = missing; create table anywhere (a int)", "3F000", false, "Search Path")]
    [InlineData("begin read only; insert into users_revenue values ('a', 1)", "25006", true, "default_transaction_read_only")]
    [InlineData("begin; select 1 / 0 from (select 1) x; select 1", "22012", false, "division by zero")]
    [InlineData("select lastval()", "55000", true, "does not allow the write")]
    [InlineData("do $$ begin raise exception 'no more money'; end $$", "P0001", false, "no more money")]
    [InlineData("select * from generate_series(1, 2) limit (select generate_series(1, 2))", "21000", false, "SQLSTATE 21000")]
    public async Task M12_the_full_code_decides_and_the_message_names_the_setting(string sql, string sqlState, bool transient, string named)
    {
        await using var source = NpgsqlDataSource.Create(ledger.Database.ConnectionString + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        var error = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync());
        Assert.Equal((sqlState, transient), (error.SqlState, DatabaseErrors.IsTransient(error)));
        AssertOneLine(DatabaseErrors.Describe(error), named);
    }

    [Fact]
    public async Task M12_an_exception_from_a_users_trigger_is_permanent_and_names_the_function()
    {
        await using var database = await LedgerDatabase.CreateAsync();
        await database.ExecuteAsync(
            """
            create function refuse_all() returns trigger language plpgsql as $$ begin raise exception 'closed for audit'; end $$;
            create trigger refuse_all before insert on users_revenue for each row execute function refuse_all();
            """);
        var error = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync("insert into users_revenue values ('a', 1)"));
        Assert.False(DatabaseErrors.IsTransient(error));
        AssertOneLine(DatabaseErrors.Describe(error), "closed for audit", "refuse_all()");
    }

    [Theory]
    [InlineData("FATAL", "22023", "invalid value for parameter \"TimeZone\": \"x\"", "Timezone")]
    [InlineData("FATAL", "42704", "unrecognized configuration parameter \"x\"", "Options")]
    public void A_refused_start_parameter_is_an_error_in_the_settings(string severity, string sqlState, string message, string named)
    {
        var error = new PostgresException(message, severity, severity, sqlState);
        Assert.True(DatabaseErrors.IsSettings(error));
        AssertOneLine(DatabaseErrors.Describe(error), named);
    }

    [Fact]
    public async Task A_failover_without_a_suitable_host_is_transient_and_not_an_error_in_the_settings()
    {
        // Use two names of one running server and require a standby. The driver reports the same error if no host is a primary.
        var server = new NpgsqlConnectionStringBuilder(ledger.Database.ConnectionString);
        await using var standbys = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            Host = $"{server.Host}:{server.Port},localhost:{server.Port}",
            TargetSessionAttributes = "standby",
            HostRecheckSeconds = 60,
        }.ConnectionString);
        var error = await Assert.ThrowsAsync<NpgsqlException>(async () => await standbys.OpenConnectionAsync());
        Assert.True(DatabaseErrors.IsTransient(error) && !DatabaseErrors.IsSettings(error), error.ToString());
        AssertOneLine(DatabaseErrors.Describe(error), "none of the database's hosts is a primary");

        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        taken.Stop();
        await using var down = NpgsqlDataSource.Create(
            $"Host=127.0.0.1:{port},localhost:{port};Username=postgres;Password={Password};Target Session Attributes=primary;Host Recheck Seconds=60");
        for (var attempt = 0; attempt < 2; attempt++)
        {
            // The driver skips the second attempt, because it considers both hosts down.
            error = await Assert.ThrowsAsync<NpgsqlException>(async () => await down.OpenConnectionAsync());
            Assert.True(DatabaseErrors.IsTransient(error) && !DatabaseErrors.IsSettings(error), error.ToString());
            AssertOneLine(DatabaseErrors.Describe(error), "hosts");
        }
    }

    [Fact]
    public async Task After_25006_a_source_opens_new_connections()
    {
        var name = new NpgsqlConnectionStringBuilder(ledger.Database.ConnectionString).Database;
        await using var source = NpgsqlDataSource.Create(ledger.Database.ConnectionString + ";Application Name=read only phase");
        await ledger.Database.ExecuteAsync($"alter database {name} set default_transaction_read_only = on");
        try
        {
            Assert.Equal("25006", (await Assert.ThrowsAsync<PostgresException>(WriteAsync)).SqlState);
        }
        finally
        {
            await ledger.Database.ExecuteAsync($"alter database {name} reset default_transaction_read_only");
        }

        var again = await Assert.ThrowsAsync<PostgresException>(WriteAsync);
        Assert.Equal("25006", again.SqlState);
        Postgres.DatabaseErrors.DropConnections(source, again);
        await WriteAsync();

        async Task WriteAsync()
        {
            await using var write = source.CreateCommand("create table if not exists phase (a int)");
            await write.ExecuteNonQueryAsync();
        }
    }

    [Theory]
    [InlineData("25006", true)]
    [InlineData("57P01", true)]
    [InlineData("57P02", true)]
    [InlineData("57P03", true)]
    [InlineData("40001", false)]
    public async Task Only_an_error_of_the_session_drops_a_pooled_connection(string sqlState, bool isDropped)
    {
        await using var source = NpgsqlDataSource.Create(ledger.Database.ConnectionString + ";Application Name=dropped");
        var before = await BackendAsync();

        Postgres.DatabaseErrors.DropConnections(source, new PostgresException("made up", "FATAL", "FATAL", sqlState));

        Assert.Equal(isDropped, !Equals(before, await BackendAsync()));

        async Task<object?> BackendAsync()
        {
            await using var command = source.CreateCommand("select pg_backend_pid()");
            return await command.ExecuteScalarAsync();
        }
    }

    private static void AssertOneLine(string text, params string[] expected)
    {
        Assert.DoesNotContain('\n', text);
        Assert.DoesNotContain(Password, text, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, text, StringComparison.OrdinalIgnoreCase));
    }
}
