using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>
/// Three Postgres servers on loopback under Patroni with one etcd, from Debian's packages (patroni, etcd-server). Patroni chooses the leader without an
/// operator. Linux only. Not thread-safe.
/// </summary>
public sealed class PatroniCluster : IAsyncDisposable
{
    private const int Count = 3;
    private const string Password = "test";
    private static readonly TimeSpan ElectionLimit = TimeSpan.FromSeconds(60);

    private readonly TempDirectory _directory = TempDirectory.ForPostgres();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly int[] _ports = [.. Enumerable.Range(0, Count).Select(_ => FreePort.Next())];
    private readonly int[] _restPorts = [.. Enumerable.Range(0, Count).Select(_ => FreePort.Next())];
    private readonly Process?[] _nodes = new Process?[Count];
    private readonly string _programs;
    private readonly int _etcdPort = FreePort.Next();
    private Process? _etcd;

    private PatroniCluster(string programs) => _programs = programs;

    /// <summary>The missing requirement, or null if a cluster can run.</summary>
    public static string? Missing =>
        !OperatingSystem.IsLinux() ? "Patroni needs Debian's packages."
        : !File.Exists("/usr/bin/patroni") ? "/usr/bin/patroni is missing (Debian: patroni)."
        : !File.Exists("/usr/bin/etcd") ? "/usr/bin/etcd is missing (Debian: etcd-server)."
        : Programs() == null ? "No Postgres below /usr/lib/postgresql."
        : null;

    /// <summary>Starts etcd and all nodes, and waits until all run.</summary>
    public static async Task<PatroniCluster> StartAsync()
    {
        var cluster = new PatroniCluster(Programs()!);
        try
        {
            cluster.StartEtcd();
            for (var node = 0; node < Count; node++)
            {
                cluster.Start(node);
            }

            await cluster.WaitUntilWholeAsync();
            return cluster;
        }
        catch (Exception exception) when (exception is TimeoutException)
        {
            var logs = cluster.Logs();
            await cluster.DisposeAsync();
            throw new TimeoutException($"{exception.Message}\n{logs}", exception);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Creates an empty UTF-8 database; returns the services' connection string, which names all hosts and lets the driver find the primary.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = "t" + Guid.NewGuid().ToString("N");
        await using var source = NpgsqlDataSource.Create(ConnectionString("postgres"));
        await using var create = source.CreateCommand($"create database {name} template template0 encoding 'UTF8'");
        await create.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>Simulates the loss of the leader's machine: kill -9 of its Patroni and of every process of its server.</summary>
    /// <returns>The killed node, for <see cref="Start"/>.</returns>
    public async Task<int> KillLeaderAsync()
    {
        var leader = await Eventually.GetAsync(async () => Array.Find(await MembersAsync(), member => member.Role == "leader"));
        var node = int.Parse(leader.Name["node".Length..], null);
        await KillAsync(node);
        return node;
    }

    /// <summary>Starts a node's Patroni, as after a boot of its machine.</summary>
    public void Start(int node)
    {
        var file = _directory.File($"node{node}.yml");
        File.WriteAllText(file, Configuration(node));
        _nodes[node] = StartProgram($"node{node}", "/usr/bin/patroni", file);
    }

    /// <summary>Waits until all three nodes run: the leader, a synchronous standby and another standby.</summary>
    public Task WaitUntilWholeAsync() => Eventually.EqualsAsync(
        "leader, replica, sync_standby",
        async () =>
        {
            var running = (await MembersAsync()).Where(member => member.State is "running" or "streaming");
            return string.Join(", ", running.Select(member => member.Role).Order(StringComparer.Ordinal));
        },
        ElectionLimit,
        "all nodes run");

    /// <summary>The last lines of each log, for messages.</summary>
    public string Logs()
    {
        var files = Directory.EnumerateFiles(_directory.Path, "*.log");
        return string.Join('\n', files.Select(file => $"--- {Path.GetFileName(file)}\n{string.Join('\n', File.ReadLines(file).TakeLast(20))}"));
    }

    public async ValueTask DisposeAsync()
    {
        for (var node = 0; node < Count; node++)
        {
            await KillAsync(node);
        }

        if (_etcd is { } etcd)
        {
            etcd.Kill();
            await etcd.WaitForExitAsync();
            etcd.Dispose();
        }

        _http.Dispose();
        _directory.Dispose();
    }

    private static string? Programs()
    {
        const string versions = "/usr/lib/postgresql";
        var all = Directory.Exists(versions) ? Directory.EnumerateDirectories(versions).Select(version => Path.Combine(version, "bin")) : [];
        return all.LastOrDefault(bin => File.Exists(Path.Combine(bin, "postgres")));
    }

    private string ConnectionString(string database) =>
        $"Host={string.Join(',', _ports.Select(port => $"127.0.0.1:{port}"))};Username=postgres;Password={Password};Database={database};"
        + "Timeout=5;Target Session Attributes=primary;Host Recheck Seconds=1";

    /// <summary>Patroni's YAML configuration, written as JSON. The timeouts are the shortest that Patroni accepts; docs/operations.md recommends longer
    /// ones.</summary>
    private string Configuration(int node) => JsonSerializer.Serialize(new
    {
        scope = "revenue",
        name = $"node{node}",
        restapi = new { listen = $"127.0.0.1:{_restPorts[node]}", connect_address = $"127.0.0.1:{_restPorts[node]}" },
        etcd3 = new { host = $"127.0.0.1:{_etcdPort}" },
        bootstrap = new
        {
            dcs = new
            {
                ttl = 10,
                loop_wait = 2,
                retry_timeout = 3,
                synchronous_mode = true,
                synchronous_mode_strict = true,
                postgresql = new { use_pg_rewind = true, parameters = new { fsync = "off", max_connections = 100 } },
            },
            initdb = new object[] { new { encoding = "UTF8" }, new { locale = "C" }, "data-checksums" },
        },
        postgresql = new
        {
            listen = $"127.0.0.1:{_ports[node]}",
            connect_address = $"127.0.0.1:{_ports[node]}",
            data_dir = DataDirectory(node),
            bin_dir = _programs,
            pgpass = _directory.File($"own/pgpass{node}"),
            authentication = new
            {
                superuser = new { username = "postgres", password = Password },
                replication = new { username = "replicator", password = Password },
            },
            pg_hba = new[] { "host replication replicator 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256" },
            parameters = new { unix_socket_directories = "" },
        },
    });

    private string DataDirectory(int node) => _directory.File($"own/node{node}");

    private void StartEtcd()
    {
        // Patroni and etcd create all other folders inside this one, as the user that runs Postgres.
        Directory.CreateDirectory(_directory.File("own"));
        if (Environment.IsPrivilegedProcess)
        {
            using var give = Process.Start("chown", ["postgres", _directory.File("own")]);
            give.WaitForExit();
        }

        var (client, peer) = ($"http://127.0.0.1:{_etcdPort}", $"http://127.0.0.1:{FreePort.Next()}");
        _etcd = StartProgram(
            "etcd", "/usr/bin/etcd", "--data-dir", _directory.File("own/etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"default={peer}");
    }

    /// <summary>Starts a program, as user postgres if this process is root; its output goes to a file.</summary>
    private Process StartProgram(string name, string program, params string[] arguments)
    {
        // setpriv and the shell replace themselves with the program (exec), so the process id is the program's.
        string[] user = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : ["env"];
        const string script = """log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null""";
        string[] command = [_directory.File(name + ".log"), .. user, program, .. arguments];
        var start = new ProcessStartInfo("/bin/sh", ["-c", script, "sh", .. command]) { WorkingDirectory = "/" };
        string[] prefixes = ["PG", "PATRONI_", "ETCD_"];
        foreach (var inherited in start.Environment.Keys.Where(key => prefixes.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal))).ToArray())
        {
            start.Environment.Remove(inherited);
        }

        return Process.Start(start)!;
    }

    private async Task KillAsync(int node)
    {
        if (_nodes[node] is not { } patroni)
        {
            return;
        }

        // Kill Patroni first, since it would restart its server.
        ServerTree.Send(patroni.Id, Signal.Kill);
        await patroni.WaitForExitAsync();
        patroni.Dispose();
        _nodes[node] = null;
        var pidFile = Path.Combine(DataDirectory(node), "postmaster.pid");
        if (File.Exists(pidFile) && int.TryParse(File.ReadLines(pidFile).FirstOrDefault(), out var postmaster))
        {
            ServerTree.Send(postmaster, Signal.Kill);
        }
    }

    /// <summary>The cluster as the first answering node sees it; empty if no node answers.</summary>
    private async Task<Member[]> MembersAsync()
    {
        for (var node = 0; node < Count; node++)
        {
            if (_nodes[node] is null)
            {
                continue;
            }

            try
            {
                return (await _http.GetFromJsonAsync<Cluster>(new Uri($"http://127.0.0.1:{_restPorts[node]}/cluster"), JsonSerializerOptions.Web))!.Members;
            }
            catch (HttpRequestException)
            {
                // The node has just started.
            }
        }

        return [];
    }

    private sealed record Cluster(Member[] Members);

    private sealed record Member(string Name, string Role, string State);
}
