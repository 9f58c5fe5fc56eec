namespace RevenueAspire.AppHost.Publishing;

/// <summary>The database as it is published.</summary>
internal static class PublishedDatabase
{
    /// <summary>A managed server that takes a user name and a password.</summary>
    /// <param name="builder">The model.</param>
    /// <param name="password">The server's; letters and digits.</param>
    public static IResourceBuilder<IResourceWithConnectionString> AddPublishedDatabase(this IDistributedApplicationBuilder builder, IResourceBuilder<ParameterResource> password) =>
        builder.AddPostgres("postgres", password: password).AddDatabase(Model.RevenueDatabase.Name);
}
