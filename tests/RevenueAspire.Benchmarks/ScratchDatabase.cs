using Npgsql;

namespace RevenueAspire.Benchmarks;

/// <summary>Temporary databases for measurements.</summary>
internal static class ScratchDatabase
{
    /// <summary>Creating and dropping a database waits for a checkpoint, which on a busy disk exceeds the driver's default timeout.</summary>
    private const int TimeoutSeconds = 300;

    /// <summary>Creates an empty database for a measurement, and drops it afterwards.</summary>
    /// <param name="server">Connection string of a server that allows creating databases.</param>
    /// <param name="measure">The measurement; gets the connection string of the database.</param>
    public static async Task UseAsync(string server, Func<string, Task> measure)
    {
        var name = $"benchmark_{Guid.NewGuid():N}";
        await using var admin = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(server) { CommandTimeout = TimeoutSeconds }.ConnectionString);
        await admin.ExecuteAsync($"create database {name} template template0 encoding 'UTF8'");
        try
        {
            await measure(new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString);
        }
        finally
        {
            await admin.ExecuteAsync($"drop database {name} with (force)");
        }
    }

    /// <summary>Runs a statement.</summary>
    public static async Task ExecuteAsync(this NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
