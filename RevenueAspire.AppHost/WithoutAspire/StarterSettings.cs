using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.AppHost;

/// <summary>What the user may set, under the same names as with Aspire: on the command line (<c>--Ports:Api=8001</c>), in the environment (<c>Ports__Api</c>), or in user secrets.</summary>
internal sealed record StarterSettings
{
    /// <summary>TCP port of the API on localhost.</summary>
    public required int ApiPort { get; init; }

    /// <summary>TCP port of the client's service on localhost.</summary>
    public required int ClientPort { get; init; }

    /// <summary>TCP port of the local Postgres; 0 chooses a free one.</summary>
    public required int PostgresPort { get; init; }

    /// <summary>How many processors run at once.</summary>
    public required int Processors { get; init; }

    /// <summary>The value of the Authorization header.</summary>
    public required string IngestSecret { get; init; }

    /// <summary>The user's own database, or null for the local one.</summary>
    public required string? ConnectionString { get; init; }

    /// <summary>Full path of the data directory.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Full path of the log.</summary>
    public required string EventLogDirectory { get; init; }

    /// <exception cref="StarterException">A value that does not fit.</exception>
    public static StarterSettings Read(string[] args)
    {
        if (args.Any(a => a.StartsWith("--operation", StringComparison.Ordinal) || a.StartsWith("--publisher", StringComparison.Ordinal)))
        {
            throw new StarterException("Publishing needs Aspire's packages, which are not on the NuGet feed.");
        }

        var configuration = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
        {
            Args = args,
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT") ?? Environments.Development,
        }).Configuration;
        return new StarterSettings
        {
            ApiPort = Number(configuration, "Ports:Api", 8000, 1, 65535),
            ClientPort = Number(configuration, "Ports:Client", 3000, 1, 65535),
            PostgresPort = Number(configuration, "Ports:Postgres", 0, 0, 65535),
            Processors = Number(configuration, "Processor:Replicas", 2, 0, 16),
            IngestSecret = configuration["Parameters:ingest-secret"] is { Length: > 0 } secret ? secret : "secret",
            ConnectionString = configuration.GetConnectionString(Extensions.DatabaseName) is { Length: > 0 } given ? given : null,
            DataDirectory = ServiceDefaults.DataDirectory.Resolve(configuration),
            EventLogDirectory = ServiceDefaults.DataDirectory.ResolveEventLog(configuration),
        };
    }

    private static int Number(ConfigurationManager configuration, string name, int otherwise, int least, int most)
    {
        var text = configuration[name];
        if (string.IsNullOrWhiteSpace(text))
        {
            return otherwise;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new StarterException($"{name} is '{text}': it must be a whole number from {least} to {most}.");
    }
}
