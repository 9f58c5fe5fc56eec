using RevenueAspire.AppHost.Model;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.AppHost.Publishing;

/// <summary>The database as it is published.</summary>
internal static class PublishedDatabase
{
    /// <summary>Azure: a managed server that takes a user name and a password, kept in a key vault. Compose: a container with a volume.</summary>
    /// <param name="builder">The model.</param>
    /// <param name="password">The server's; of letters and digits.</param>
    public static IResourceBuilder<IResourceWithConnectionString> AddPublishedDatabase(this IDistributedApplicationBuilder builder, IResourceBuilder<ParameterResource> password) =>
        builder.PublishTarget() is PublishTarget.Compose
            ? builder.AddPostgres("postgres", password: password)
                .WithImageTag(RevenueDatabase.PostgresTag)
                .WithDataVolume("postgres-data")
                // On this machine the AppHost creates the database; published, nobody does but the image itself.
                .WithEnvironment("POSTGRES_DB", Extensions.DatabaseName)
                .PublishAsDockerComposeService((_, service) => service.Restart = "unless-stopped")
                .AddDatabase(Extensions.DatabaseName)
            : builder.AddAzurePostgresFlexibleServer("postgres")
                .WithPasswordAuthentication(password: password)
                .AddDatabase(Extensions.DatabaseName);
}
