using Npgsql;
using RevenueAspire.Testing;

namespace RevenueAspire.EventLog.Postgres.Tests;

public sealed class SchemaTests
{
    [Fact]
    public async Task ApplyAsync_by_eight_processes_at_once_makes_one_schema()
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
            // Open already, so that all of them find nothing, and none waits for the others' beginning.
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
}
