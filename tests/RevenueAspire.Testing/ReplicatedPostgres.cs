using System.Diagnostics;
using Npgsql;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.Testing;

/// <summary>
/// Three Postgres servers on loopback: a primary and two standbys. One standby must confirm each commit (ANY 1). The data survives a kill of a server but not
/// a power cut (fsync is off). Linux only. Not thread-safe.
/// </summary>
public sealed class ReplicatedPostgres : IAsyncDisposable
{
    private const string Password = "test";
    private const string Confirming = "select count(*) from pg_stat_replication where sync_state = 'quorum' and state = 'streaming'";
    private static readonly TimeSpan FollowPatience = TimeSpan.FromSeconds(10);
    private static readonly string[] Names = ["node1", "node2", "node3"];

    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private readonly int[] _ports = [.. Names.Select(_ => FreePort.Next())];
    private readonly LocalPostgresServer?[] _servers = new LocalPostgresServer?[Names.Length];
    private readonly HashSet<int> _stopped = [];
    private int _primary;

    private ReplicatedPostgres()
    {
    }

    /// <summary>The primary's index: 0 to 2.</summary>
    public int Primary => _primary;

    /// <summary>Starts all three, and waits until both standbys confirm commits.</summary>
    public static async Task<ReplicatedPostgres> StartAsync()
    {
        var servers = new ReplicatedPostgres();
        try
        {
            await servers.StartAsync(0, standby: false);
            await servers._servers[0]!.EnsureReplicationRoleAsync(CancellationToken.None);
            await servers.HealAsync();
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Creates an empty UTF-8 database; returns the services' connection string, which names all hosts and lets the driver find the primary.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = "t" + Guid.NewGuid().ToString("N");
        await ExecuteAsync($"create database {name} template template0 encoding 'UTF8'");
        return ConnectionString(name);
    }

    /// <summary>
    /// The services' connection string, which names all hosts and lets the driver find the primary. The current primary is the first host. Otherwise each new
    /// connection would wait for the timeout of a frozen host before it.
    /// </summary>
    public string ConnectionString(string database) =>
        $"Host={string.Join(',', _ports.Select((_, i) => $"127.0.0.1:{_ports[(_primary + i) % _ports.Length]}"))};"
        + $"Username=postgres;Password={Password};Database={database};"
        + "Timeout=5;Target Session Attributes=primary;Host Recheck Seconds=1";

    /// <summary>Connection string of a single server, without pooling.</summary>
    public string ConnectionStringOf(int node, string database = "postgres") =>
        $"Host=127.0.0.1;Port={_ports[node]};Username=postgres;Password={Password};Database={database};Timeout=5;Pooling=false";

    /// <summary>kill -9 of every process of the primary.</summary>
    public Task KillPrimaryAsync() => KillAsync(_primary);

    /// <summary>
    /// Promotes the standby that has received the most, and makes the other one follow it. Resumes paused standbys first. The old primary must have ended.
    /// </summary>
    /// <returns>The index of the new primary.</returns>
    public async Task<int> PromoteAsync()
    {
        Resume();
        var standbys = Enumerable.Range(0, Names.Length).Where(node => node != _primary && IsRunning(node)).ToArray();
        var received = new Dictionary<int, long>();
        foreach (var standby in standbys)
        {
            // Wait for the receivers to end, because a resumed standby still reads data that has arrived. After an earlier comparison, the other standby could
            // be ahead of the new primary, and could not follow it.
            await Eventually.EqualsAsync<object?>(0L, () => ScalarAsync(standby, "select count(*) from pg_stat_wal_receiver"));

            // Every confirmed commit has arrived on one of the two standbys.
            received[standby] = (long)(await ScalarAsync(standby, "select (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint"))!;
        }

        _primary = standbys.MaxBy(standby => received[standby]);
        await _servers[_primary]!.PromoteAsync(CancellationToken.None);
        var others = standbys.Where(standby => standby != _primary);
        await Task.WhenAll(others.Select(standby => _servers[standby]!.FollowAsync(Source(standby), CancellationToken.None)));
        return _primary;
    }

    /// <summary>
    /// Freezes both standbys (SIGSTOP of every process), so that no commit is confirmed. Freezes the primary's senders first. Otherwise a resumed standby could
    /// find data that was sent in the meantime.
    /// </summary>
    public async Task PauseStandbysAsync()
    {
        await using var connection = await ConnectAsync(_primary);
        await using var senders = new NpgsqlCommand("select pid from pg_stat_replication", connection);
        await using var rows = await senders.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            Stop(rows.GetInt32(0), Signals.Send);
        }

        foreach (var standby in Enumerable.Range(0, Names.Length).Where(node => node != _primary && IsRunning(node)))
        {
            Stop(_servers[standby]!.ProcessId, ServerTree.Send);
        }
    }

    /// <summary>Resumes the standbys.</summary>
    public void Resume()
    {
        foreach (var processId in _stopped)
        {
            ServerTree.Send(processId, Signal.Continue);
        }

        _stopped.Clear();
    }

    /// <summary>Restarts a killed primary with its data and port. It is then a second primary, and may have commits that no standby has.</summary>
    public Task RestartAsItIsAsync(int node) => StartAsync(node, standby: false);

    /// <summary>
    /// Repairs everything: resumes standbys, and replaces each server that has ended or is a second primary with a new copy. Waits until two standbys confirm
    /// commits.
    /// </summary>
    public async Task HealAsync()
    {
        Resume();
        for (var node = 0; node < Names.Length; node++)
        {
            if (node == _primary)
            {
                if (!IsRunning(node))
                {
                    await StartAsync(node, standby: false);
                }
            }
            else if (!IsRunning(node) || await ScalarAsync(node, "select pg_is_in_recovery()") is false)
            {
                await CopyAsync(node);
            }
        }

        // A standby that is ahead of the new primary, or that cannot get its missing data, never follows. Copy it again, as an operator would.
        for (var patience = Stopwatch.StartNew(); patience.Elapsed < FollowPatience && await CountConfirmingAsync() < 2;)
        {
            await Task.Delay(100);
        }

        foreach (var node in Enumerable.Range(0, Names.Length).Where(node => node != _primary))
        {
            if (await ScalarAsync(_primary, $"{Confirming} and application_name = '{Names[node]}'") is 0L)
            {
                await CopyAsync(node);
            }
        }

        await Eventually.EqualsAsync(2L, CountConfirmingAsync);
    }

    private async Task<long> CountConfirmingAsync() => (long)(await ScalarAsync(_primary, Confirming))!;

    private async Task CopyAsync(int node)
    {
        await KillAsync(node);
        if (Directory.Exists(DirectoryOf(node)))
        {
            Directory.Delete(DirectoryOf(node), recursive: true);
        }

        await StartAsync(node, standby: true);
    }

    /// <summary>Runs a statement on the primary.</summary>
    /// <returns>The first value, or null.</returns>
    public Task<object?> ExecuteAsync(string sql) => ScalarAsync(_primary, sql);

    /// <summary>Process ids of the primary's backends that wait for a standby's confirmation.</summary>
    public async Task<int[]> WaitingBackendsAsync() =>
        (int[])(await ExecuteAsync("select coalesce(array_agg(pid), '{}') from pg_stat_activity where wait_event = 'SyncRep'"))!;

    public async ValueTask DisposeAsync()
    {
        Resume();
        for (var node = 0; node < Names.Length; node++)
        {
            await KillAsync(node);
        }

        _directory.Dispose();
    }

    private bool IsRunning(int node) => _servers[node] is { Exited.IsCompleted: false };

    private string DirectoryOf(int node) => _directory.File(Names[node]);

    private LocalPostgresPrimary Source(int node) => new(_ports[_primary], Names[node]);

    private async Task StartAsync(int node, bool standby)
    {
        await KillAsync(node);
        _servers[node] = await LocalPostgresServer.StartAsync(
            new LocalPostgresOptions
            {
                DataDirectory = DirectoryOf(node),
                Port = _ports[node],
                Password = Password,
                StopWithParent = true,
                StandbyOf = standby ? Source(node) : null,
                Settings = new Dictionary<string, string>
                {
                    ["fsync"] = "off",
                    ["max_connections"] = "100",
                    // Pass this on the command line, so that it applies as soon as a standby becomes the primary.
                    ["synchronous_standby_names"] = $"ANY 1 ({string.Join(", ", Names.Where(name => name != Names[node]))})",
                    ["wal_retrieve_retry_interval"] = "200ms",
                },
            },
            CancellationToken.None);
    }

    private async Task KillAsync(int node)
    {
        if (_servers[node] is not { } server)
        {
            return;
        }

        if (IsRunning(node))
        {
            ServerTree.Send(server.ProcessId, Signal.Kill);
        }

        await server.DisposeAsync();
        _servers[node] = null;
    }

    private void Stop(int processId, Action<int, Signal> send)
    {
        send(processId, Signal.Stop);
        _stopped.Add(processId);
    }

    private async Task<NpgsqlConnection> ConnectAsync(int node)
    {
        var connection = new NpgsqlConnection(ConnectionStringOf(node));
        try
        {
            await connection.OpenAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task<object?> ScalarAsync(int node, string sql)
    {
        await using var connection = await ConnectAsync(node);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
