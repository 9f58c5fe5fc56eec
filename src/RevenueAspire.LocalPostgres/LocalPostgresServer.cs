using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using RevenueAspire.LocalPostgres.Binaries;
using RevenueAspire.LocalPostgres.Data;
using RevenueAspire.LocalPostgres.Processes;

namespace RevenueAspire.LocalPostgres;

/// <summary>A Postgres server on this machine, in a separate process session. Disposing stops it. Thread-safe.</summary>
public sealed class LocalPostgresServer : IAsyncDisposable
{
    private const int PortAttempts = 5;
    private static readonly TimeSpan FastLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ImmediateLimit = TimeSpan.FromSeconds(5);

    private readonly LocalPostgresOptions _options;
    private readonly PreparedDataDirectory _directory;
    private readonly ServerProcess _process;
    private readonly ParentWatch? _watch;
    private readonly Lazy<Task> _stopped;
    private readonly CancellationTokenSource _hurry = new();

    private LocalPostgresServer(LocalPostgresOptions options, PreparedDataDirectory directory, ServerProcess process, int processId, int port)
    {
        (_options, _directory, _process, ProcessId, Port) = (options, directory, process, processId, port);
        _watch = options.StopWithParent ? ParentWatch.TryStart(processId, directory.Path) : null;
        _stopped = new Lazy<Task>(StopOnceAsync);
    }

    /// <summary>Finds or fetches programs (15 to 18), creates the data directory, stops a left-over server, starts the new one, and waits until it
    /// answers.</summary>
    /// <exception cref="LocalPostgresException">No programs, a data directory of another major version, a port in use, and so on. The message is one line with
    /// the remedy.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; no server is left running.</exception>
    public static Task<LocalPostgresServer> StartAsync(LocalPostgresOptions options, CancellationToken cancellationToken) =>
        options.StandbyOf is null ? StartAsync(options, null, cancellationToken) : StandbyStart.RunAsync(options, cancellationToken);

    internal static async Task<LocalPostgresServer> StartAsync(LocalPostgresOptions options, PrimaryState? primary, CancellationToken cancellationToken)
    {
        var search = (options.Search ?? PostgresSearch.Machine()) with { MajorVersion = primary?.MajorVersion };
        var installation = await PostgresBinaries.FindAsync(options.DataDirectory, options.Log, search, cancellationToken);
        var directory = await DataDirectoryPreparation.PrepareAsync(installation, options, primary, cancellationToken);
        try
        {
            var started = Stopwatch.GetTimestamp();
            for (var attempt = 1; ; attempt++)
            {
                var port = options.Port == 0 ? FreePort() : options.Port;
                var mayWait = Stopwatch.GetElapsedTime(started) < Cluster.DyingProcessesLimit;
                var mayRetry = options.Port == 0 && attempt < PortAttempts;
                if (await LaunchAsync(options, directory, port, mayRetry, mayWait, primary is null, cancellationToken) is { } server)
                {
                    return server;
                }
            }
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Whether the data directory is a standby's, so no primary has run on it since it was copied.</summary>
    public static bool IsStandby(string dataDirectory) => StandbyFiles.Exist(dataDirectory);

    /// <summary>Stops a server that an earlier process left running on the data directory. Returns at once if there is none.</summary>
    /// <exception cref="LocalPostgresException">Another process still uses the server, or it cannot be stopped.</exception>
    public static async Task StopLeftoverAsync(LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        if (PostmasterPid.TryRead(options.DataDirectory) is not null)
        {
            var search = options.Search ?? PostgresSearch.Machine();
            var installation = await PostgresBinaries.FindAsync(options.DataDirectory, options.Log, search, cancellationToken);
            await DataDirectoryPreparation.StopLeftoverAsync(installation, options, cancellationToken);
        }
    }

    public int Port { get; }

    /// <summary>Process id of the postmaster.</summary>
    public int ProcessId { get; }

    internal string DataDirectory => _directory.Path;

    internal PostgresInstallation Installation => _directory.Installation;

    internal string Password => _options.Password;

    internal IReadOnlyCollection<string> LastLines => _process.LastLines;

    /// <summary>Returns a connection string for Npgsql: Host, Port, Username, Password, Database.</summary>
    public string ConnectionString(string database = "postgres") => Connection(database).ConnectionString;

    /// <summary>Creates a UTF-8 database unless it exists.</summary>
    public async Task EnsureDatabaseAsync(string database, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        await using var exists = new NpgsqlCommand("select 1 from pg_database where datname = $1", connection) { Parameters = { new() { Value = database } } };
        if (await exists.ExecuteScalarAsync(cancellationToken) != null)
        {
            return;
        }

        // Do not wait for standbys, because possibly none is connected yet. That is safe: a standby receives any later commit only after this one.
        await ExecuteAsync(connection, "set synchronous_commit = local", cancellationToken);
        await using var create = new NpgsqlCommand($"create database {SqlText.Identifier(database)} template template0 encoding 'UTF8'", connection);
        try
        {
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another caller created the database between the query and this statement.
        }
    }

    /// <summary>Completes when the server process has ended, for whatever reason.</summary>
    public Task Exited => _process.Exited;

    /// <summary>Completes when all processes of the server have ended. Until then, the server may confirm commits, even after a kill -9 of the main
    /// process.</summary>
    public Task AllExited => _process.AllExited;

    /// <summary>Stops the server: a fast shutdown with a checkpoint (up to 10 s), then an immediate shutdown, then kill. May be called again, and
    /// concurrently.</summary>
    /// <param name="cancellationToken">Stops waiting for the fast shutdown, and continues with the immediate one.</param>
    /// <exception cref="LocalPostgresException">The server survived even the kill.</exception>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.Register(_hurry.Cancel);
        await _stopped.Value;
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private async Task StopOnceAsync()
    {
        var stop = new ServerStop(ProcessId, _directory.Path, _directory.Installation, _directory.Account);
        if (!_process.Exited.IsCompleted && !await stop.RunAsync(FastLimit, ImmediateLimit, _hurry.Token))
        {
            throw new LocalPostgresException($"The Postgres server (process {ProcessId}) on {_directory.Path} cannot be stopped: stop it by hand.");
        }

        try
        {
            await _process.Exited;
        }
        finally
        {
            _watch?.Dispose();
            _process.Dispose();
            _directory.Dispose();
        }
    }

    /// <summary>Launches the server and waits until it answers. Returns null if the caller may try again: another program has just taken the port and any port
    /// will do, or processes of a killed server have not ended yet.</summary>
    private static async Task<LocalPostgresServer?> LaunchAsync(
        LocalPostgresOptions options, PreparedDataDirectory directory, int port, bool mayRetry, bool mayWait, bool mustAnswer,
        CancellationToken cancellationToken)
    {
        var process = ServerProcess.Start(directory.ServerCommand(port), options.Log);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.StartTimeout);
        try
        {
            if (await WaitUntilReadyAsync(process, directory, timeout.Token) is { } processId)
            {
                var server = new LocalPostgresServer(options, directory, process, processId, port);
                if (mustAnswer)
                {
                    await using var connection = await server.ConnectAsync(timeout.Token);
                }

                return server;
            }

            if (mayWait && ServerMessages.IsMemoryInUse(process.LastLines))
            {
                await Task.Delay(200, cancellationToken);
                return null;
            }

            if (!ServerMessages.IsPortTaken(process.LastLines))
            {
                throw new LocalPostgresException(
                    $"{directory.Installation.Version} did not start on {directory.Path}: {ServerMessages.Summarize(process.LastLines)}");
            }

            return mayRetry ? null : throw new LocalPostgresException(DataDirectoryPreparation.PortTaken(port));
        }
        catch (Exception exception)
        {
            await EndAsync(process, directory);
            if (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                throw new LocalPostgresException(
                    $"The Postgres server on {directory.Path} was not ready within {options.StartTimeout.TotalSeconds:0} s and was stopped: "
                    + $"{ServerMessages.Summarize(process.LastLines)}", exception);
            }

            if (exception is NpgsqlException)
            {
                throw new LocalPostgresException(
                    $"The Postgres server on {directory.Path} started but does not answer on port {port}: {exception.Message}", exception);
            }

            throw;
        }
    }

    /// <summary>Returns the postmaster's process id when its pid file reports that it is ready; null if the process ends first. The file is certainly our
    /// server's, because the directory is locked and had no such file before.</summary>
    private static async Task<int?> WaitUntilReadyAsync(ServerProcess process, PreparedDataDirectory directory, CancellationToken cancellationToken)
    {
        while (!process.Exited.IsCompleted)
        {
            if (PostmasterPid.TryRead(directory.Path) is { IsReady: true } pid)
            {
                return pid.ProcessId;
            }

            await Task.WhenAny(process.Exited, Task.Delay(20, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }

        return null;
    }

    /// <summary>Ends the server after a failed start.</summary>
    private static async Task EndAsync(ServerProcess process, PreparedDataDirectory directory)
    {
        if (process.Exited.IsCompleted)
        {
            return;
        }

        if (PostmasterPid.TryRead(directory.Path) is { ProcessId: > 0 } pid)
        {
            await new ServerStop(pid.ProcessId, directory.Path, directory.Installation, directory.Account).RunAsync(
                FastLimit, ImmediateLimit, CancellationToken.None);
        }
        else
        {
            process.Kill();
        }

        await process.Exited;
    }

    internal async Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        // Not pooled: a stopping server would have to end each idle pooled connection.
        var settings = Connection("postgres");
        settings.Pooling = false;
        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    internal async Task<object?> ScalarAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    internal static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private NpgsqlConnectionStringBuilder Connection(string database) =>
        new() { Host = "127.0.0.1", Port = Port, Username = "postgres", Password = _options.Password, Database = database };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>The local server cannot be used. The message is one line for people.</summary>
public sealed class LocalPostgresException(string message, Exception? cause = null) : Exception(message, cause);
