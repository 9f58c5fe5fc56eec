using System.Diagnostics;
using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>A PgBouncer in transaction mode before the tests' Postgres: each transaction gets any of five sessions. Not thread-safe.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private static readonly string[] Places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"];
    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private readonly string _program;
    private readonly string _database;
    private Process? _process;

    private PgBouncer(string program, string database) => (_program, _database) = (program, database);

    /// <summary>Of the pooler, for as long as this object lives.</summary>
    public int Port { get; } = FreePort.Next();

    /// <summary>The database through the pooler.</summary>
    public string ConnectionString =>
        new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = Port, Username = "postgres", Password = "any", Database = new NpgsqlConnectionStringBuilder(_database).Database }.ConnectionString;

    /// <summary>The program, or null where this machine has none. CI installs it, so there the tests fail without it.</summary>
    public static string? Find() =>
        Places.FirstOrDefault(File.Exists) ?? (Environment.GetEnvironmentVariable("CI") is { Length: > 0 } ? throw new FileNotFoundException("CI has no pgbouncer: .ci/run installs it.") : null);

    /// <summary>Starts it and waits until it answers.</summary>
    /// <param name="program">See <see cref="Find"/>.</param>
    /// <param name="database">Connection string of the database behind it.</param>
    public static async Task<PgBouncer> StartAsync(string program, string database)
    {
        var pooler = new PgBouncer(program, database);
        await pooler.StartAsync();
        return pooler;
    }

    /// <summary>Starts it again after <see cref="KillAsync"/>.</summary>
    public async Task StartAsync()
    {
        var server = new NpgsqlConnectionStringBuilder(_database);
        var settings = _directory.File("pgbouncer.ini");
        await File.WriteAllTextAsync(
            settings,
            $"""
            [databases]
            * = host={server.Host} port={server.Port} user={server.Username} password={server.Password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {Port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 5
            server_login_retry = 1
            """);
        string[] user = OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess ? ["-u", "postgres"] : [];
        _process = Process.Start(new ProcessStartInfo(_program, ["-q", .. user, settings]) { RedirectStandardError = true })!;

        // Its log: a full pipe would stop it.
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        await Eventually.IsTrueAsync(async () =>
        {
            await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
            await connection.OpenAsync();
            return true;
        });
    }

    /// <summary>Ends it, and with it all its connections (SIGKILL).</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _directory.Dispose();
    }
}
