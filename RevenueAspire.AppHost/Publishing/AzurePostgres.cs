namespace RevenueAspire.AppHost.Publishing;

/// <summary>The managed Postgres of Azure (<c>postgres.bicep</c>) with the ledger's database.</summary>
internal static class AzurePostgres
{
    /// <param name="builder">The model to publish.</param>
    /// <param name="database">Name of the database.</param>
    /// <param name="password">The server's password. Only letters and digits, because it becomes a part of a connection string.</param>
    public static IResourceBuilder<IResourceWithConnectionString> AddAzurePostgres(
        this IDistributedApplicationBuilder builder,
        string database,
        IResourceBuilder<ParameterResource> password)
    {
        // A parameter of azd, because azd stores its value with the environment. Otherwise a later deployment from another machine could remove the standby
        // server.
        var highAvailability = builder.AddParameter("postgres-high-availability", "Disabled", publishValueAsDefault: true);
        var server = new BicepModule("postgres", new Dictionary<string, string>
        {
            ["databaseName"] = database,
            ["administratorPassword"] = password.Resource.ValueExpression,
            ["highAvailability"] = highAvailability.Resource.ValueExpression,
        });
        builder.AddResource(server).WithManifestPublishingCallback(server.WriteAsync);
        return builder.AddResource(new AzurePostgresDatabase(database, server.Output("connectionString"), password.Resource));
    }
}

/// <summary>The connection string combines the server's output and the password. The output excludes the password, because Azure stores outputs in clear
/// text.</summary>
internal sealed class AzurePostgresDatabase(string name, BicepOutput server, ParameterResource password) : Resource(name), IResourceWithConnectionString
{
    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create($"{server};Password={password}");
}
