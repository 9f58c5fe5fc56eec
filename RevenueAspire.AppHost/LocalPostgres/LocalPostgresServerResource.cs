using System.Globalization;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>A Postgres server on this machine, for where no container engine is. The AppHost runs it itself.</summary>
/// <remarks>Not an executable of Aspire's orchestrator: that would signal it together with its clients, and kill it after six seconds. This one ends last, and cleanly.</remarks>
public sealed class LocalPostgresServerResource(string name, ParameterResource password, string dataDirectory, int port) : Resource(name), IResourceWithConnectionString
{
    private readonly List<LocalPostgresDatabaseResource> _databases = [];

    /// <summary>Password of user postgres; set anew at every start.</summary>
    public ParameterResource Password { get; } = password;

    /// <summary>Full path of the data directory.</summary>
    public string DataDirectory { get; } = dataDirectory;

    /// <summary>TCP port on 127.0.0.1.</summary>
    public int Port { get; } = port;

    /// <summary>The databases that are created when the server is up.</summary>
    public IReadOnlyList<LocalPostgresDatabaseResource> Databases => _databases;

    /// <inheritdoc/>
    public ReferenceExpression ConnectionStringExpression =>
        ReferenceExpression.Create($"Host=127.0.0.1;Port={Port.ToString(CultureInfo.InvariantCulture)};Username=postgres;Password={Password}");

    internal void Add(LocalPostgresDatabaseResource database) => _databases.Add(database);
}
