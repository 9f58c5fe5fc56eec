using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RevenueAspire.CommandLine;

namespace RevenueAspire.ServiceDefaults;

public static partial class Extensions
{
    /// <summary>Name of the connection string and of the database.</summary>
    public const string DatabaseName = "revenuedb";

    /// <summary>Registers NpgsqlDataSource for <c>ConnectionStrings:revenuedb</c>, with traces and metrics. Nothing is connected, and a missing setting is an error only when it is first resolved; one that Npgsql refuses is an error at once.</summary>
    /// <exception cref="StartupException">The connection string is none.</exception>
    public static TBuilder AddRevenueDatabase<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        var connectionString = WithDefaults(builder.Configuration.GetConnectionString(DatabaseName), builder.Environment.ApplicationName);
        builder.AddNpgsqlDataSource(
            DatabaseName,
            settings =>
            {
                settings.ConnectionString = connectionString;
                // Aspire's check reports Unhealthy when the database is unavailable; the API then still accepts events, and its own check reports Degraded.
                settings.DisableHealthChecks = true;
                // ConfigureOpenTelemetry listens to Npgsql, and only where there is a collector.
                settings.DisableTracing = true;
                settings.DisableMetrics = true;
            },
            // Processors look for work and renew leases: queries that belong to no request and no merge would bury all other traces. Npgsql's metrics count them.
            source => source.ConfigureTracing(tracing => tracing
                .ConfigureCommandFilter(_ => Activity.Current is not null)
                .ConfigureBatchFilter(_ => Activity.Current is not null)
                .EnablePhysicalOpenTracing(false)));
        return builder;
    }

    /// <summary>The database of a command, which lives too short for a host: without what Npgsql can do beside plain types and arrays, and without its log. Connects to nothing yet.</summary>
    /// <param name="configuration">With <c>ConnectionStrings:revenuedb</c>.</param>
    /// <param name="applicationName">Shown in pg_stat_activity where the setting says nothing.</param>
    /// <exception cref="StartupException">The connection string is missing, or none.</exception>
    public static NpgsqlDataSource BuildRevenueDatabase(this IConfiguration configuration, string applicationName)
    {
        var connectionString = WithDefaults(configuration.GetConnectionString(DatabaseName), applicationName) ?? throw new StartupException(NotSet);
        var source = new NpgsqlSlimDataSourceBuilder(connectionString);
        return source.EnableArrays().EnableTransportSecurity().EnableIntegratedSecurity().Build();
    }

    private static string NotSet => $"ConnectionStrings:{DatabaseName} is not set: give the database as ConnectionStrings__{DatabaseName}=\"Host=...;Username=...;Password=...;Database={DatabaseName}\".";

    /// <summary>Adds what the user has not said: three services of 24 connections fit into Postgres' default of 100; a keepalive shows a dead peer within a minute; no encryption by Kerberos, which is not TLS's business.</summary>
    internal static string? WithDefaults(string? connectionString, string applicationName)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            return null;
        }

        var builder = Parse(connectionString);
        if (!builder.ShouldSerialize("Maximum Pool Size"))
        {
            builder.MaxPoolSize = Math.Max(24, builder.MinPoolSize);
        }

        if (!builder.ShouldSerialize("Application Name"))
        {
            builder.ApplicationName = applicationName;
        }

        if (!builder.ShouldSerialize("Keepalive"))
        {
            builder.KeepAlive = 30;
        }

        if (!builder.ShouldSerialize("GSS Encryption Mode"))
        {
            // Npgsql would try Kerberos first on every new connection, and fail: container images of .NET come without its library.
            builder.GssEncryptionMode = GssEncryptionMode.Disable;
        }

        return builder.ConnectionString;
    }

    private static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        try
        {
            // Building a source checks what goes together, and connects to nothing: a missing host, say, would be found only by the first query.
            using (new NpgsqlSlimDataSourceBuilder(connectionString).EnableTransportSecurity().EnableIntegratedSecurity().Build())
            {
                return new NpgsqlConnectionStringBuilder(connectionString);
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidOperationException or NotSupportedException)
        {
            throw new StartupException($"ConnectionStrings:{DatabaseName}: {exception.Message} Write it like Host=localhost;Username=postgres;Password=...;Database={DatabaseName}.", exception);
        }
    }
}
