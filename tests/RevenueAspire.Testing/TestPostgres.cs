using System.Diagnostics;
using Npgsql;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.Testing;

/// <summary>
/// One Postgres server a test process, a database a test. Uses the server in <c>TEST_POSTGRES</c> (a connection string) when set, else starts a local
/// one, which ends with the test process.
/// </summary>
public static class TestPostgres
{
    private const string DirectoryPrefix = "revenueaspire-test-postgres-";
    private static readonly Lazy<Task<string>> Server = new(StartAsync);

    /// <summary>A folder where a local server may keep its data: Postgres' own user must be able to enter it, and root's temporary folder may be
    /// closed.</summary>
    public static string DataRoot { get; } = OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess ? "/var/tmp" : Path.GetTempPath();

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

        RemoveAbandoned();
        var parent = Path.Combine(DataRoot, DirectoryPrefix + Guid.NewGuid().ToString("N"));
        var server = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = Path.Combine(parent, "data"),
                Password = "test",
                StopWithParent = true,
                // The data ends with the tests: what survives a power cut is no question here, only what survives a crash of Postgres itself is.
                Settings = new Dictionary<string, string>
                {
                    ["max_connections"] = "200", ["fsync"] = "off", ["full_page_writes"] = "off", ["max_prepared_transactions"] = "20",
                },
            },
            CancellationToken.None);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Discard(server, parent);
        return server.ConnectionString();
    }

    /// <summary>Ends the server at once and removes its data. Quick on purpose: the test runner gives a process only seconds to exit.</summary>
    private static void Discard(LocalPostgresServer server, string parent)
    {
        server.StopAsync(new CancellationToken(canceled: true)).GetAwaiter().GetResult();
        if (OperatingSystem.IsWindows())
        {
            Directory.Delete(parent, recursive: true);
        }
        else
        {
            // Gigabytes of databases, on a busy disk: not waited for.
            using var remove = Process.Start("rm", ["-rf", parent]);
        }
    }

    /// <summary>Removes what test processes that were killed a while ago left behind; their servers ended with them.</summary>
    private static void RemoveAbandoned()
    {
        foreach (var directory in Directory.EnumerateDirectories(DataRoot, DirectoryPrefix + "*"))
        {
            try
            {
                if (Directory.GetLastWriteTimeUtc(directory) < DateTime.UtcNow.AddHours(-6))
                {
                    Directory.Delete(directory, recursive: true);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Another user's, or just being removed by another test process.
            }
        }
    }
}
