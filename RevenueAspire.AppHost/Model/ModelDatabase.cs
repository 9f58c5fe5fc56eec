using Microsoft.Extensions.Configuration;
using RevenueAspire.AppHost.LocalPostgres;
using RevenueAspire.AppHost.Publishing;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Model;

/// <summary>Chooses the database. The rest of the model does not depend on the choice.</summary>
internal static class ModelDatabase
{
    /// <summary>Name of the connection string and of the database.</summary>
    public const string Name = "revenuedb";

    /// <summary>Setting: number of standbys in addition to the primary.</summary>
    public const string ReplicasSetting = "Postgres:Replicas";

    /// <summary>Pinned, because a floating tag would at some point start another major version on the volume.</summary>
    public const string PostgresTag = "17.6";

    /// <summary>Adds the database: the user's (<c>ConnectionStrings:revenuedb</c>) if set; when published, a managed server; otherwise a container if an engine
    /// is available, else a local server. <c>Postgres:Mode</c> (<c>container</c>, <c>local</c>) skips the probe for an engine.</summary>
    public static async Task<IResourceBuilder<IResourceWithConnectionString>> AddRevenueDatabaseAsync(this IDistributedApplicationBuilder builder)
    {
        // When published, the platform supplies this value.
        var standbys = builder.ExecutionContext.IsPublishMode
            ? 0
            : builder.Number(ReplicasSetting, otherwise: 0, least: 0, most: LocalPostgresCluster.MostStandbys);
        if (!string.IsNullOrEmpty(builder.Configuration.GetConnectionString(Name)))
        {
            RequireNone(standbys, $"ConnectionStrings:{Name} names an external server");
            return builder.AddConnectionString(Name);
        }

        // The password must stay the same for the lifetime of the data, because an old volume does not accept a new one. So it is stored in the user secrets.
        // Azure requires letters of both cases and digits.
        var password = builder.AddParameter(
            "postgres-password",
            new GenerateParameterDefault { MinLength = 24, Special = false, MinLower = 1, MinUpper = 1, MinNumeric = 1 },
            secret: true,
            persist: true);
        if (builder.ExecutionContext.IsPublishMode)
        {
            return builder.AddAzurePostgres(Name, password);
        }

        ForgetPostgresVariables();
        var port = builder.Number("Ports:Postgres", otherwise: 0, least: 0, most: 65535);
        if (await UsesContainerAsync(builder.Configuration["Postgres:Mode"]))
        {
            RequireNone(standbys, "the Postgres container has no standbys; set Postgres:Mode to 'local'");
            return builder.AddPostgres("postgres", password: password, port: port == 0 ? null : port)
                .WithImageTag(PostgresTag)
                .WithDataVolume()
                .AddDatabase(Name);
        }

        if (port + LocalPostgresCluster.MostStandbys > 65535 && standbys > 0)
        {
            throw new UserErrorException($"Ports:Postgres is '{port}': with {ReplicasSetting} it must be at most {65535 - LocalPostgresCluster.MostStandbys}, "
                + "since the standbys use the ports after it.");
        }

        var cluster = LocalPostgresCluster.Open(DataDirectory.Resolve(builder.Configuration), "postgres", password.Resource, port, standbys);
        return builder.AddLocalPostgresDatabase(cluster, Name);
    }

    private static void RequireNone(int standbys, string because)
    {
        if (standbys > 0)
        {
            throw new UserErrorException($"{ReplicasSetting} is '{standbys}', but {because}.");
        }
    }

    /// <summary>Clears psql's variables (PGOPTIONS, PGTZ, PGSSLROOTCERT...) in this process, whose environment the services inherit. The user's shell sets them
    /// for other servers.</summary>
    private static void ForgetPostgresVariables()
    {
        foreach (var name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToArray())
        {
            Environment.SetEnvironmentVariable(name, null);
        }
    }

    private static async Task<bool> UsesContainerAsync(string? mode) => mode switch
    {
        null or "" => await ContainerEngine.AnswersAsync(),
        "container" => true,
        "local" => false,
        _ => throw new UserErrorException($"Postgres:Mode is '{mode}': it must be 'container', 'local' or not set."),
    };
}
