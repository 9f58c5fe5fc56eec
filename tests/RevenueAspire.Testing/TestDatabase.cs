using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>A database for one test, and statements on it. Thread-safe.</summary>
/// <param name="connectionString">Connection string of the database.</param>
public abstract class TestDatabase(string connectionString) : IAsyncDisposable
{
    public string ConnectionString { get; } = connectionString;

    public NpgsqlDataSource Database { get; } = NpgsqlDataSource.Create(connectionString);

    /// <summary>Runs a statement.</summary>
    /// <returns>The first value of the first row.</returns>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Runs a statement.</summary>
    /// <returns>Number of affected rows.</returns>
    public async Task<int> ExecuteAsync(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return await command.ExecuteNonQueryAsync();
    }

    public Task<long> CountAsync(string table) => ScalarAsync<long>($"select count(*) from {table}");

    public virtual async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
