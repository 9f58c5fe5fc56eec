using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Npgsql;
using RevenueAspire.LocalPostgres;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Stage;

/// <summary>
/// The database server of a run, or a primary with two standbys. A server restarts on the same port and data. This class saves its log in a file, and reads
/// it for deadlocks and broken streams.
/// </summary>
internal sealed partial class PostgresHost : IAsyncDisposable
{
    public const string Database = "revenuedb";
    private const int LinesOfDeadlock = 6;
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RecoveryPause = TimeSpan.FromMilliseconds(50);

    // For sessions that undo a fault, so that settings that the fault changes do not affect them.
    private const string Unaffected = "-c statement_timeout=0 -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed";
    private readonly LocalPostgresOptions _options;
    private readonly StreamWriter _log;
    private readonly ConcurrentDictionary<int, byte> _foreign = new();
    private readonly SemaphoreSlim _gate = new(1);
    private LocalPostgresServer? _server;
    private int _deadlocks;
    private int _provoked;
    private int _linesOfDeadlock;
    private int _brokenStreams;

    /// <param name="dataDirectory">Data directory of the single server.</param>
    /// <param name="port">Port of the single server.</param>
    /// <param name="logFile">Log file of the single server.</param>
    /// <param name="replicas">Replaces the single server if given; the caller disposes it. Their logs are not read, so deadlocks are not counted.</param>
    public PostgresHost(string dataDirectory, int port, string logFile, ReplicatedPostgres? replicas = null)
    {
        Replicas = replicas;
        _log = new StreamWriter(logFile, append: true) { AutoFlush = true };
        _options = new LocalPostgresOptions
        {
            DataDirectory = dataDirectory,
            Port = port,
            Password = "torture",
            StopWithParent = true,
            StartTimeout = TimeSpan.FromSeconds(60),
            Settings = new Dictionary<string, string> { ["max_connections"] = "60" },
            Log = Read,
        };
    }

    /// <summary>Deadlocks between statements of the product, from the server's log: the server's counters do not survive a crash.</summary>
    public int Deadlocks => Volatile.Read(ref _deadlocks) - ProvokedDeadlocks;

    /// <summary>Deadlocks that involve a foreign connection.</summary>
    public int ProvokedDeadlocks => Volatile.Read(ref _provoked);

    /// <summary>Number of connections with a message that the server could not parse. No fault damages bytes, so the cause is a pooler that has mixed the bytes
    /// of two clients.</summary>
    public int BrokenStreams => Volatile.Read(ref _brokenStreams);

    /// <summary>The primary and its standbys, or null.</summary>
    public ReplicatedPostgres? Replicas { get; }

    /// <summary>The server's port, not a proxy's.</summary>
    public int Port => _options.Port;

    /// <summary>
    /// The services' connection string, with the server's or a proxy's port, or with all replicas, which have no proxy. It lacks <see cref="Unaffected"/>,
    /// since faults must affect the services.
    /// </summary>
    public string ForServices(int port) => Replicas?.ConnectionString(Database)
        ?? new NpgsqlConnectionStringBuilder(Direct) { Port = port, Pooling = true, Timeout = 10, Options = null }.ConnectionString;

    /// <summary>Connection string to another database, without a proxy.</summary>
    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder(Direct) { Database = database }.ConnectionString;

    private string Direct => Replicas is { } replicas
        ? new NpgsqlConnectionStringBuilder(replicas.ConnectionStringOf(replicas.Primary, Database))
        {
            CommandTimeout = 60,
            Options = Unaffected,
        }.ConnectionString
        : new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = _options.Port,
            Username = "postgres",
            Password = _options.Password,
            Database = Database,
            Pooling = false,
            Timeout = 5,
            CommandTimeout = 60,
            Options = Unaffected,
        }.ConnectionString;

    public bool IsRunning => _server is { Exited.IsCompleted: false };

    public int ProcessId => _server!.ProcessId;

    /// <summary>Starts the server if it is down, and waits until it accepts statements.</summary>
    public async Task EnsureRunningAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (Replicas is { } replicas)
            {
                await replicas.HealAsync();
                if (await replicas.ExecuteAsync($"select 1 from pg_database where datname = '{Database}'") is null)
                {
                    await replicas.ExecuteAsync($"create database {Database} template template0 encoding 'UTF8'");
                }
            }
            else if (!IsRunning)
            {
                if (_server is not null)
                {
                    await _server.DisposeAsync();
                }

                _server = null;
                _server = await LocalPostgresServer.StartAsync(_options, CancellationToken.None);
                await _server.EnsureDatabaseAsync(Database, CancellationToken.None);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Kills the postmaster with SIGKILL. Its child processes then end.</summary>
    public async Task KillAsync()
    {
        using (var postmaster = Process.GetProcessById(ProcessId))
        {
            postmaster.Kill();
        }

        await _server!.Exited;
    }

    /// <summary>Stops the server: in fast mode, or in immediate mode without a clean shutdown.</summary>
    public async Task StopAsync(bool immediately) => await _server!.StopAsync(new CancellationToken(immediately));

    /// <summary>A foreign connection, without a proxy.</summary>
    public async Task<NpgsqlConnection> ConnectAsync()
    {
        for (var deadline = DateTime.UtcNow + RecoveryLimit; ; await Task.Delay(RecoveryPause))
        {
            var connection = new NpgsqlConnection(Direct);
            try
            {
                await connection.OpenAsync();
                _foreign.TryAdd(connection.ProcessID, 0);
                return connection;
            }
            catch (NpgsqlException unavailable) when (DateTime.UtcNow < deadline
                && unavailable is PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow } or { InnerException: SocketException })
            {
                // Another fault has killed a backend, or restarts the server. The server must recover first.
                await connection.DisposeAsync();
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Runs one statement on a separate connection. Repeats it while another fault restarts the server, so it must be safe to repeat.</summary>
    public async Task<object?> ExecuteAsync(string sql)
    {
        for (var deadline = DateTime.UtcNow + RecoveryLimit; ; await Task.Delay(RecoveryPause))
        {
            try
            {
                await using var connection = await ConnectAsync();
                await using var command = new NpgsqlCommand(sql, connection);
                return await command.ExecuteScalarAsync();
            }
            catch (NpgsqlException stopped) when (DateTime.UtcNow < deadline
                && stopped is not PostgresException or PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown })
            {
                // The server stopped between the connection and the answer.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _gate.Dispose();
        await _log.DisposeAsync();
    }

    private void Read(string line)
    {
        lock (_log)
        {
            _log.WriteLine(line);
            if (line.Contains("ERROR:  deadlock detected", StringComparison.Ordinal))
            {
                _deadlocks++;
                _linesOfDeadlock = LinesOfDeadlock;
            }
            else if (line.Contains("invalid frontend message type", StringComparison.Ordinal))
            {
                _brokenStreams++;
            }
            else if (_linesOfDeadlock-- > 0 && ProcessIds().Matches(line).Any(match => _foreign.ContainsKey(int.Parse(match.Groups[1].Value, null))))
            {
                // DETAIL:  Process 1 waits for ShareLock on transaction 2; blocked by process 3.
                _provoked++;
                _linesOfDeadlock = 0;
            }
        }
    }

    [GeneratedRegex("[Pp]rocess ([0-9]+)")]
    private static partial Regex ProcessIds();
}
