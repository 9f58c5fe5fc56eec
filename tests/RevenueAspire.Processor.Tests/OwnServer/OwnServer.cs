using Npgsql;
using RevenueAspire.LocalPostgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.OwnServer;

/// <summary>
/// A separate Postgres server for one test class, which may crash it. It requires a password, has no TLS, and commits asynchronously by default.
/// </summary>
public sealed class OwnServer : IAsyncLifetime
{
    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private LocalPostgresServer? _server;

    public async ValueTask InitializeAsync() => _server = await LocalPostgresServer.StartAsync(
        new LocalPostgresOptions
        {
            DataDirectory = _directory.File("data"),
            Password = "own server",
            StopWithParent = true,

            // Unflushed commits stay in memory for 10 s, and are lost when a backend is killed. Without fsync, only a crash of the operating system could lose
            // more.
            Settings = new Dictionary<string, string>
            {
                ["synchronous_commit"] = "off",
                ["wal_writer_delay"] = "10000",
                ["wal_writer_flush_after"] = "0",
                ["fsync"] = "off"
            },
        },
        CancellationToken.None);

    /// <summary>Creates a database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = "t" + Guid.NewGuid().ToString("N");
        await _server!.EnsureDatabaseAsync(name, CancellationToken.None);

        // EnsureDatabaseAsync commits asynchronously like everything here, so make the database durable.
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_server.ConnectionString()) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var checkpoint = new NpgsqlCommand("checkpoint", connection);
        await checkpoint.ExecuteNonQueryAsync();
        return _server.ConnectionString(name);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _directory.Dispose();
    }
}
