using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class SchemaTests
{
    [Fact]
    public async Task ApplyAsync_by_eight_processes_at_once_creates_one_schema()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        var connections = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
            await connection.OpenAsync();
            return connection;
        }));
        try
        {
            // Open all connections first, so that all sessions find no tables and none is delayed by connecting.
            await Task.WhenAll(connections.Select(connection => PostgresLogSchema.ApplyAsync(connection, CancellationToken.None)));

            await using var tables = new NpgsqlCommand(
                "select string_agg(table_name, ' ' order by table_name) from information_schema.tables where table_schema = 'public'", connections[0]);
            Assert.StartsWith("event_log event_log_batch", (string?)await tables.ExecuteScalarAsync(), StringComparison.Ordinal);
        }
        finally
        {
            foreach (var connection in connections)
            {
                await connection.DisposeAsync();
            }
        }
    }

    [Theory]
    [InlineData("alter table event_log set unlogged", "UNLOGGED: event_log would")]
    [InlineData("alter table event_log_batch set unlogged", "UNLOGGED: event_log_batch would")]
    [InlineData("alter table event_log_key set unlogged", "UNLOGGED: event_log_key would")]
    [InlineData("alter table event_log_key drop constraint event_log_key_pkey, add constraint event_log_key_pkey primary key (key_hash) deferrable",
        "(key_hash) of event_log_key is deferrable")]
    [InlineData("alter table event_log_batch drop constraint event_log_batch_pkey", "(log_id, from_offset) of event_log_batch is missing")]
    public async Task Unsafe_tables_are_refused_and_the_repair_in_the_message_works(string change, string said)
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var connection = await database.Database.OpenConnectionAsync();
        await PostgresLogSchema.ApplyAsync(connection, CancellationToken.None);
        await database.ExecuteAsync(change);
        var refusal = await Assert.ThrowsAsync<EventLogException>(() => PostgresLogSchema.ApplyAsync(connection, CancellationToken.None));
        Assert.Contains(said, refusal.Message, StringComparison.Ordinal);
        await database.ExecuteAsync(refusal.Message.Split('"')[1]);
        await PostgresLogSchema.ApplyAsync(connection, CancellationToken.None);
    }

    [Theory]
    [InlineData("drop table event_log_key", "event_log_key is missing")]
    [InlineData("drop table event_log", "event_log is missing")]
    [InlineData("alter table event_log_batch alter column crc type integer", "changed")]
    public async Task Missing_and_changed_tables_are_refused_without_advice_that_loses_data(string change, string said)
    {
        await using var database = await PostgresLog.CreateAsync();
        await using var connection = await database.Database.OpenConnectionAsync();
        await PostgresLogSchema.ApplyAsync(connection, CancellationToken.None);
        await database.ExecuteAsync(change);
        var refusal = await Assert.ThrowsAsync<EventLogException>(() => PostgresLogSchema.ApplyAsync(connection, CancellationToken.None));
        Assert.Contains(said, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("drop", refusal.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_check_is_independent_of_session_settings_and_other_installations()
    {
        var connectionString = await TestPostgres.CreateDatabaseAsync();
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await using (var create = admin.CreateCommand("create schema one; create schema two"))
        {
            await create.ExecuteNonQueryAsync();
        }

        foreach (var schema in (string[])["one", "two", "two,one", "one", "public,two"])
        {
            await using var source = NpgsqlDataSource.Create(
                new NpgsqlConnectionStringBuilder(connectionString) { SearchPath = schema, Options = "-c quote_all_identifiers=on" }.ConnectionString);
            await using var connection = await source.OpenConnectionAsync();
            await PostgresLogSchema.ApplyAsync(connection, CancellationToken.None);
            await PostgresLogSchema.ApplyAsync(connection, CancellationToken.None);
        }

        await using var count = admin.CreateCommand(
            "select string_agg(table_schema, ' ' order by table_schema) from information_schema.tables where table_name = 'event_log'");
        Assert.Equal("one two", await count.ExecuteScalarAsync());
    }
}
