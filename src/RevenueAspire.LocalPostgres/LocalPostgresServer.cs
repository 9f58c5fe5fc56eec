namespace RevenueAspire.LocalPostgres;

/// <summary>Where and how a local server runs.</summary>
public sealed class LocalPostgresOptions
{
    /// <summary>Data directory; made (initdb) when missing or empty.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Port on 127.0.0.1; 0 chooses a free one.</summary>
    public int Port { get; init; }

    /// <summary>Password of user postgres; set before every start, so that it always fits, also on an old data directory.</summary>
    public required string Password { get; init; }

    /// <summary>Further settings (<c>name=value</c>) on the server's command line.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Receives the server's log lines, or null.</summary>
    public Action<string>? Log { get; init; }
}

/// <summary>A Postgres server on this machine, in a process session of its own, stopped when disposed.</summary>
public sealed class LocalPostgresServer : IAsyncDisposable
{
    private LocalPostgresServer() { }

    /// <summary>Finds or fetches binaries (15 to 18), makes the data directory, adopts or cleans up after a server that an earlier process left behind, starts, and waits until it answers.</summary>
    /// <exception cref="LocalPostgresException">No binaries, a data directory of another major version, a port in use...: one line that says what and what to do.</exception>
    public static Task<LocalPostgresServer> StartAsync(LocalPostgresOptions options, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The port.</summary>
    public int Port => throw new NotImplementedException();

    /// <summary>Process id of the postmaster.</summary>
    public int ProcessId => throw new NotImplementedException();

    /// <summary>For Npgsql: Host, Port, Username, Password, Database.</summary>
    public string ConnectionString(string database = "postgres") => throw new NotImplementedException();

    /// <summary>Creates a UTF-8 database unless it exists.</summary>
    public Task EnsureDatabaseAsync(string database, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Completes when the server process has ended, whoever ended it.</summary>
    public Task Exited => throw new NotImplementedException();

    /// <summary>Stops the server (fast shutdown: checkpoint, clean); bounded, then immediate.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

/// <summary>The server cannot be had; one line for people.</summary>
public sealed class LocalPostgresException : Exception
{
    public LocalPostgresException(string message) : base(message) { }

    public LocalPostgresException(string message, Exception inner) : base(message, inner) { }
}
