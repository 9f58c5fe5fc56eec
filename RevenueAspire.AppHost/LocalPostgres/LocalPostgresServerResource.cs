using System.Globalization;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>A Postgres server on this machine, for use without a container engine. The AppHost runs it.</summary>
/// <remarks>Not an executable resource, which Aspire's orchestrator would stop together with its clients, and kill after six seconds. The AppHost stops this
/// server last, and cleanly.</remarks>
public sealed class LocalPostgresServerResource : Resource, IResourceWithConnectionString
{
    internal LocalPostgresServerResource(string name, LocalPostgresCluster cluster, string dataDirectory, int port)
        : base(name) => (Cluster, DataDirectory, Port) = (cluster, dataDirectory, port);

    /// <summary>Full path of the data directory.</summary>
    public string DataDirectory { get; }

    /// <summary>TCP port on 127.0.0.1.</summary>
    public int Port { get; }

    public ReferenceExpression ConnectionStringExpression =>
        ReferenceExpression.Create($"Host=127.0.0.1;Port={Port.ToString(CultureInfo.InvariantCulture)};Username=postgres;Password={Cluster.Password}");

    /// <summary>The cluster that this server belongs to.</summary>
    internal LocalPostgresCluster Cluster { get; }

    /// <summary>Whether it is the primary, which accepts writes. Changes with a promotion.</summary>
    internal bool IsPrimary => Cluster.Primary == this;

    /// <summary>The server's name in synchronous_standby_names, where a hyphen would need quotes.</summary>
    internal string ApplicationName => Name.Replace('-', '_');
}
