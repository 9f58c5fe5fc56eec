using System.Diagnostics;
using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>A PgBouncer in transaction mode in front of a Postgres: each transaction gets any session of a small pool. Not thread-safe.</summary>
/// <param name="program">See <see cref="Find"/>.</param>
/// <param name="database">Connection string of the pooled database.</param>
/// <param name="log">Receives each line of its log; null to drop them.</param>
public sealed class PgBouncer(string program, string database, Action<string>? log = null) : IAsyncDisposable
{
    private static readonly string[] Places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"];
    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private readonly NpgsqlConnectionStringBuilder _server = new(database);
    private Process? _process;

    /// <summary>The pooler's port, for the lifetime of this object.</summary>
    public int Port { get; } = FreePort.Next();

    /// <summary>Number of sessions with the server; a change takes effect on the next start or <see cref="ReloadAsync"/>.</summary>
    public int PoolSize { get; set; } = 5;

    /// <summary>Connection string of the database through the pooler.</summary>
    public string ConnectionString =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Username = "postgres",
            Password = "any",
            Database = _server.Database,
        }.ConnectionString;

    private string SettingsFile => _directory.File("pgbouncer.ini");

    /// <summary>Path of the program, or null if it is not installed. CI installs it, so the tests fail there without it.</summary>
    public static string? Find() =>
        Places.FirstOrDefault(File.Exists) ?? (Environment.GetEnvironmentVariable("CI") is { Length: > 0 }
            ? throw new FileNotFoundException("CI has no pgbouncer: .ci/run installs it.") : null);

    /// <summary>Creates and starts a pooler, and waits until it answers.</summary>
    public static async Task<PgBouncer> StartAsync(string program, string database)
    {
        var pooler = new PgBouncer(program, database);
        await pooler.StartAsync();
        return pooler;
    }

    /// <summary>Starts the pooler if it is down, and waits until it answers, with or without its server.</summary>
    public async Task StartAsync()
    {
        if (_process is { HasExited: false })
        {
            return;
        }

        await WriteSettingsAsync();
        string[] user = OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess ? ["-u", "postgres"] : [];
        _process?.Dispose();
        _process = Process.Start(new ProcessStartInfo(program, [.. user, SettingsFile]) { RedirectStandardError = true })!;

        // Read the output in any case: a full pipe would block the pooler.
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
            {
                log?.Invoke(text);
            }
        };
        _process.BeginErrorReadLine();
        await Eventually.IsTrueAsync(async () =>
        {
            await ExecuteAsync("SHOW VERSION", CancellationToken.None);
            return true;
        });
    }

    /// <summary>Kills the pooler (SIGKILL); all its connections end.</summary>
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

    /// <summary>Stops the pooler cleanly: at once, or after the running transactions (within <paramref name="limit"/>).</summary>
    public async Task StopAsync(bool afterTransactions, TimeSpan limit)
    {
        Send(afterTransactions ? Signal.Interrupt : Signal.Terminate);
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await _process!.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            // A transaction was still open at the limit.
        }

        await KillAsync();
    }

    /// <summary>Sends the pooler a signal; does nothing while it is down.</summary>
    public void Send(Signal signal)
    {
        if (_process is { HasExited: false } process)
        {
            Signals.Send(process.Id, signal);
        }
    }

    /// <summary>Makes the pooler reload its settings; all connections stay open.</summary>
    public async Task ReloadAsync()
    {
        await WriteSettingsAsync();
        await ExecuteAsync("RELOAD", CancellationToken.None);
    }

    /// <summary>Runs a command on the pooler's admin console, for example <c>RECONNECT</c>.</summary>
    /// <param name="command">The command.</param>
    /// <param name="cancellationToken">Ends a waiting command, for example a <c>PAUSE</c> that waits for transactions.</param>
    /// <exception cref="IOException">The pooler does not answer, or refuses the command.</exception>
    public Task ExecuteAsync(string command, CancellationToken cancellationToken) => PgBouncerConsole.ExecuteAsync(Port, command, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _directory.Dispose();
    }

    private Task WriteSettingsAsync() => File.WriteAllTextAsync(
        SettingsFile,
        $"""
        [databases]
        {_server.Database} = host={_server.Host} port={_server.Port} user={_server.Username} password={_server.Password}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {Port}
        unix_socket_dir =
        auth_type = any
        admin_users = postgres
        pool_mode = transaction
        default_pool_size = {PoolSize}
        server_login_retry = 1
        """);
}
