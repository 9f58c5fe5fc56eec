using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Postgres;

namespace RevenueAspire.ServiceDefaults;

/// <summary>The data source of a service.</summary>
public static class DatabaseExtensions
{
    /// <summary>Name of the connection string and of the database.</summary>
    public const string DatabaseName = "revenuedb";

    /// <summary>Name of the connection string for parts that need a session. Required only if <see cref="DatabaseName"/> points to a pooler in transaction
    /// mode.</summary>
    public const string SessionDatabaseName = "revenuedb-session";

    /// <summary>Registers NpgsqlDataSource for <c>ConnectionStrings:revenuedb</c>, with traces and metrics. Does not connect. An invalid setting fails
    /// immediately, a missing one when the data source is first resolved.</summary>
    /// <exception cref="UserErrorException">The connection string is invalid.</exception>
    public static void AddRevenueDatabase(this IHostApplicationBuilder builder)
    {
        var connectionString = WithDefaults(
            builder.Configuration.GetConnectionString(DatabaseName), builder.Environment.ApplicationName, HasLog(builder.Configuration));
        builder.AddNpgsqlDataSource(
            DatabaseName,
            settings =>
            {
                settings.ConnectionString = connectionString;
                // Aspire's health check would report Unhealthy while the database is unavailable. But the API still accepts events then, so its own check
                // reports Degraded.
                settings.DisableHealthChecks = true;
                // ConfigureOpenTelemetry subscribes to Npgsql's traces and metrics, but only if there is a collector.
                settings.DisableTracing = true;
                settings.DisableMetrics = true;
            },
            // Trace no queries outside of a request or merge: processors poll for work and renew leases, which would bury all other traces. Npgsql's metrics
            // count these queries.
            source =>
            {
                var check = new SessionCheck(source.ConnectionStringBuilder);
                source.ConfigureTracing(tracing => tracing
                    .ConfigureCommandFilter(_ => Activity.Current is not null)
                    .ConfigureBatchFilter(_ => Activity.Current is not null)
                    .EnablePhysicalOpenTracing(false))
                    .UsePhysicalConnectionInitializer(check.Run, check.RunAsync);
            });
        builder.Services.AddSingleton(BuildSessionDatabase);
    }

    /// <summary>The database for a short-lived command, without a host. Supports only plain types and arrays, and logs nothing. Does not connect yet.</summary>
    /// <param name="configuration">The configuration with <c>ConnectionStrings:revenuedb</c>.</param>
    /// <param name="applicationName">The name in pg_stat_activity, unless the connection string contains one.</param>
    /// <param name="isPatient">Whether statements may run without a time limit, regardless of the connection string.</param>
    /// <exception cref="UserErrorException">The connection string is missing or invalid.</exception>
    public static NpgsqlDataSource BuildRevenueDatabase(this IConfiguration configuration, string applicationName, bool isPatient = false)
    {
        var connectionString = WithDefaults(configuration.GetConnectionString(DatabaseName), applicationName, HasLog(configuration))
            ?? throw new UserErrorException(NotSet);
        return BuildSlim(isPatient ? new NpgsqlConnectionStringBuilder(connectionString) { CommandTimeout = 0 }.ConnectionString : connectionString);
    }

    /// <summary>The database for a part that needs a session, for <c>LISTEN</c>. Uses <c>ConnectionStrings:revenuedb-session</c>, which bypasses a pooler, or
    /// else <c>revenuedb</c>.</summary>
    private static SessionDatabase BuildSessionDatabase(IServiceProvider services)
    {
        var connectionString = services.GetRequiredService<IConfiguration>().GetConnectionString(SessionDatabaseName);
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            return new SessionDatabase(services.GetRequiredService<NpgsqlDataSource>(), isSeparate: false);
        }

        var completed = Complete(
            SessionDatabaseName, connectionString, services.GetRequiredService<IHostEnvironment>().ApplicationName, leastConnections: 1);
        return new SessionDatabase(BuildSlim(completed), isSeparate: true);
    }

    private static NpgsqlDataSource BuildSlim(string connectionString)
    {
        var source = new NpgsqlSlimDataSourceBuilder(connectionString).EnableArrays().EnableTransportSecurity().EnableIntegratedSecurity();
        var check = new SessionCheck(source.ConnectionStringBuilder);
        return source.UsePhysicalConnectionInitializer(check.Run, check.RunAsync).Build();
    }

    private static string NotSet =>
        $"ConnectionStrings:{DatabaseName} is not set. Set it as "
            + $"ConnectionStrings__{DatabaseName}=\"Host=...;Username=...;Password=...;Database={DatabaseName}\".";

    /// <summary>The connection string; null if it is not set.</summary>
    /// <exception cref="UserErrorException">The connection string is invalid. The message is one line that names the keyword but never a value.</exception>
    internal static string? WithDefaults(string? connectionString, string applicationName, bool hasLog = false) =>
        string.IsNullOrWhiteSpace(connectionString)
            ? null
            : Complete(DatabaseName, connectionString, applicationName, leastConnections: hasLog ? 2 : 1);

    private static string Complete(string name, string connectionString, string applicationName, int leastConnections)
    {
        try
        {
            return ConnectionStringRules.Complete($"ConnectionStrings:{name}", connectionString, applicationName, leastConnections);
        }
        catch (FormatException exception)
        {
            throw new UserErrorException(exception.Message, exception);
        }
    }

    /// <summary>Whether the database also contains the log. An invalid setting counts as false here; the code that opens the log reports it.</summary>
    private static bool HasLog(IConfiguration configuration) => string.Equals(configuration["EventLog:Engine"], "Postgres", StringComparison.OrdinalIgnoreCase);
}
