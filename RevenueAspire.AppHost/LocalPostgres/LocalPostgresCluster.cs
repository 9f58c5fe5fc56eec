using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>A primary and its standbys on this machine (<c>Postgres:Replicas</c>; none by default). LocalPostgresRunner changes it, one operation at a
/// time.</summary>
internal sealed class LocalPostgresCluster
{
    public const int MostStandbys = 4;

    private readonly string _directory;
    private readonly string _rolesFile;
    private readonly string[] _names;
    private readonly List<LocalPostgresDatabaseResource> _databases = [];
    private ClusterRoles? _saved;

    private LocalPostgresCluster(string directory, string name, ParameterResource password)
    {
        _directory = directory;
        Password = password;
        _rolesFile = Path.Combine(directory, name + "-roles.json");
        _names = [name, .. Enumerable.Range(2, MostStandbys).Select(number => string.Create(CultureInfo.InvariantCulture, $"{name}-{number}"))];
        _saved = ClusterRoles.Read(_rolesFile, _names);
    }

    /// <summary>Password of the user postgres on all servers; set at each start.</summary>
    public ParameterResource Password { get; }

    public IReadOnlyList<LocalPostgresServerResource> Servers { get; private set; } = [];

    /// <summary>The server that accepts writes while it runs.</summary>
    public LocalPostgresServerResource Primary { get; private set; } = null!;

    public IEnumerable<LocalPostgresServerResource> Standbys => Servers.Where(server => server != Primary);

    /// <summary>The databases to create when the primary is running.</summary>
    public IReadOnlyList<LocalPostgresDatabaseResource> Databases => _databases;

    /// <summary>The hosts for a connection string: <c>127.0.0.1:5432,127.0.0.1:5433</c>.</summary>
    public string Hosts => string.Join(',', Servers.Select(server => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{server.Port}")));

    /// <summary>Whether each commit that the primary has acknowledged is certain to be on at least one standby.</summary>
    public bool IsCovered => Servers.Count > 1 && _saved is { } saved && saved.Primary == Primary.Name && saved.HasStandbys(Names(Standbys));

    /// <summary>Loads the servers of a data directory. The primary is the primary of the last run, not always the first server. The other servers with the
    /// lowest numbers are the standbys.</summary>
    /// <param name="directory">Contains a data directory per server, under the server's name.</param>
    /// <param name="name">Name of the first server; the others append their number.</param>
    /// <param name="password">Password of the user postgres.</param>
    /// <param name="port">Port of the first server; the others use the ports after it. 0 chooses free ports.</param>
    /// <param name="standbys">Number of standbys, up to <see cref="MostStandbys"/>.</param>
    /// <exception cref="UserErrorException">The primary is unknown, or its data is missing.</exception>
    public static LocalPostgresCluster Open(string directory, string name, ParameterResource password, int port, int standbys)
    {
        var cluster = new LocalPostgresCluster(directory, name, password);
        var primary = cluster.FindPrimary();
        var chosen = cluster._names.Where(other => other != primary).Take(standbys).Append(primary).ToHashSet();
        var free = new HashSet<int>();
        cluster.Servers =
        [
            .. cluster._names.Index().Where(entry => chosen.Contains(entry.Item)).Select(entry => new LocalPostgresServerResource(
                entry.Item, cluster, Path.Combine(directory, entry.Item), port == 0 ? FreePort(free) : port + entry.Index)),
        ];
        cluster.Primary = cluster.Servers.Single(server => server.Name == primary);
        return cluster;
    }

    /// <summary>The value of synchronous_standby_names: any one of the other servers; empty if there are none.</summary>
    public string SynchronousStandbysOf(LocalPostgresServerResource server) =>
        Servers.Count == 1 ? "" : $"ANY 1 ({string.Join(", ", Servers.Where(other => other != server).Select(other => other.ApplicationName))})";

    /// <summary>Call this before each start of the primary. It writes changed standbys to disk before the primary depends on their confirmations.</summary>
    /// <exception cref="UserErrorException">Its directory is missing, another AppHost has changed the roles meanwhile, or the roles cannot be
    /// written.</exception>
    public void BeginPrimary()
    {
        // The directory may have disappeared since the server was stopped.
        _ = FindPrimary();
        var now = ClusterRoles.Read(_rolesFile, _names);
        if (now?.Primary != _saved?.Primary)
        {
            throw new UserErrorException($"Another AppHost made {now?.Primary ?? "no server"} the primary meanwhile ({_rolesFile}). Restart this AppHost.");
        }

        var isKnown = _saved?.Primary == Primary.Name && (_saved.Standbys.Count == 0 || _saved.HasStandbys(Names(Standbys)));
        var isSingleWithoutHistory = Servers.Count == 1 && _saved is null;
        if (!isKnown && !isSingleWithoutHistory)
        {
            Save(new ClusterRoles(Primary.Name, []));
        }
    }

    /// <summary>Records that a standby has caught up with the primary.</summary>
    /// <exception cref="UserErrorException">A disk error.</exception>
    public void Cover() => Save(new ClusterRoles(Primary.Name, [.. Names(Standbys)]));

    /// <summary>Makes a standby the primary. When this returns, the former primary is a standby, even after a kill.</summary>
    /// <exception cref="UserErrorException">A disk error. Nothing has changed.</exception>
    public void Decide(LocalPostgresServerResource primary)
    {
        Save(new ClusterRoles(primary.Name, []));
        Primary = primary;
    }

    public void Add(LocalPostgresDatabaseResource database) => _databases.Add(database);

    private void Save(ClusterRoles roles)
    {
        roles.Write(_rolesFile);
        _saved = roles;
    }

    /// <summary>Refuses to start if the primary is unknown or its data is missing. Otherwise an old copy or an empty server would become the ledger.</summary>
    private string FindPrimary()
    {
        // PG_VERSION is in every data directory; without it, there is no cluster.
        var existing = _names.Where(name => File.Exists(Path.Combine(_directory, name, "PG_VERSION"))).ToArray();
        if (existing.Length == 0)
        {
            return _names[0];
        }

        if (_saved is not null)
        {
            return existing.Contains(_saved.Primary)
                ? _saved.Primary
                : throw new UserErrorException($"{Path.Combine(_directory, _saved.Primary)} is missing. It belongs to the primary ({_rolesFile}), and "
                    + $"{string.Join(", ", existing)} may lack some of its data. Restore it.");
        }

        return existing.FirstOrDefault(name => name != _names[0]) is { } copy
            ? throw new UserErrorException($"{Path.Combine(_directory, copy)} exists, but {_rolesFile}, which names the primary, is missing. "
                + $"Restore the file, or move {copy} elsewhere if it is not a copy of this data.")
            : _names[0];
    }

    private static IEnumerable<string> Names(IEnumerable<LocalPostgresServerResource> servers) => servers.Select(server => server.Name);

    private static int FreePort(HashSet<int> chosen)
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            if (chosen.Add(((IPEndPoint)listener.LocalEndpoint).Port))
            {
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
        }
    }
}
