using System.Diagnostics;
using Npgsql;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.Testing;

/// <summary>
/// One Postgres server per test process, with one database per test. Uses the server in <c>TEST_POSTGRES</c> (a connection string) if set. Otherwise starts
/// a local server, which ends with the test process.
/// </summary>
public static class TestPostgres
{
    private const string DirectoryPrefix = "revenueaspire-test-postgres-";
    private static readonly Lazy<Task<string>> Server = new(StartAsync);

    /// <summary>
    /// Parent folder for a local server's data. The server's operating-system user must be able to enter it, but root's temporary folder may be closed.
    /// </summary>
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
                // Tests need data to survive a crash of Postgres, but not a power cut.
                Settings = new Dictionary<string, string>
                {
                    ["max_connections"] = "200",
                    ["fsync"] = "off",
                    ["full_page_writes"] = "off",
                    ["max_prepared_transactions"] = "20",
                },
            },
            CancellationToken.None);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Discard(server, parent);
        return server.ConnectionString();
    }

    /// <summary>Stops the server at once and removes its data. This must be quick: the test runner gives a process only seconds to exit.</summary>
    private static void Discard(LocalPostgresServer server, string parent)
    {
        server.StopAsync(new CancellationToken(canceled: true)).GetAwaiter().GetResult();
        if (OperatingSystem.IsWindows())
        {
            Directory.Delete(parent, recursive: true);
        }
        else
        {
            // Do not wait for the removal, because gigabytes of databases take long on a busy disk.
            using var remove = Process.Start("rm", ["-rf", parent]);
        }
    }

    /// <summary>Removes the folders of test processes that were killed a while ago. Their servers have ended with them.</summary>
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
                // The folder belongs to another user, or another test process is removing it.
            }
        }
    }
}
