namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>A database on local Postgres servers. Its state is running while their primary runs.</summary>
/// <remarks>Does not implement IResourceWithParent. Otherwise a service that waits for the database would also wait for its parent, a server that may be
/// stopped after a promotion.</remarks>
public sealed class LocalPostgresDatabaseResource : Resource, IResourceWithConnectionString
{
    private readonly LocalPostgresCluster _cluster;

    internal LocalPostgresDatabaseResource(string name, LocalPostgresCluster cluster)
        : base(name) => _cluster = cluster;

    /// <summary>The connection string names all servers; clients find the primary among them.</summary>
    public ReferenceExpression ConnectionStringExpression =>
        _cluster.Servers.Count == 1
            ? ReferenceExpression.Create($"{_cluster.Primary};Database={Name}")
            : ReferenceExpression.Create($"Host={_cluster.Hosts};Username=postgres;Password={_cluster.Password};Database={Name};Timeout=5");
}
