using System.Globalization;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>A Postgres server on this machine, for where no container engine is. The AppHost runs it itself.</summary>
/// <remarks>Not an executable of Aspire's orchestrator: that would signal it together with its clients, and kill it after six seconds. This one ends last, and
/// cleanly.</remarks>
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

    /// <summary>The servers that this one belongs to.</summary>
    internal LocalPostgresCluster Cluster { get; }

    /// <summary>Whether it takes writes when it runs; changes with a promotion.</summary>
    internal bool IsPrimary => Cluster.Primary == this;

    /// <summary>Its name in synchronous_standby_names, where a hyphen would need quotes.</summary>
    internal string ApplicationName => Name.Replace('-', '_');
}
