using Npgsql;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.Testing;

/// <summary>One Postgres server a test process, a database a test. Uses the server in <c>TEST_POSTGRES</c> (a connection string) when set, else starts a local one.</summary>
public static class TestPostgres
{
    private static readonly Lazy<Task<string>> Server = new(StartAsync);

    /// <summary>Creates an empty UTF-8 database and returns its connection string.</summary>
    public static async Task<string> CreateDatabaseAsync()
    {
        var server = await Server.Value;
        var name = "t" + Guid.NewGuid().ToString("N");
        await using var source = NpgsqlDataSource.Create(server);
        await using var create = source.CreateCommand($"create database {name} template template0 encoding 'UTF8'");
        await create.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString;
    }

    private static async Task<string> StartAsync()
    {
        if (Environment.GetEnvironmentVariable("TEST_POSTGRES") is { Length: > 0 } given)
        {
            return given;
        }

        var directory = Path.Combine(Path.GetTempPath(), "revenueaspire-tests-" + Guid.NewGuid().ToString("N"));
        var server = await LocalPostgresServer.StartAsync(new LocalPostgresOptions { DataDirectory = directory, Password = "test" }, CancellationToken.None);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            server.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Directory.Delete(directory, recursive: true);
        };
        return server.ConnectionString();
    }
}
