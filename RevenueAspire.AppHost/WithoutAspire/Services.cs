using System.Globalization;
using RevenueAspire.AppHost.Processes;

namespace RevenueAspire.AppHost;

/// <summary>The topology: each service with the environment that Aspire would set.</summary>
internal sealed class Services(StarterSettings settings, string connectionString)
{
    public string ApiUrl { get; } = Url(settings.ApiPort);

    public string ClientUrl { get; } = Url(settings.ClientPort);

    public ServiceDefinition Api => new("api", "RevenueAspire.Api", new Dictionary<string, string>(Common("api"))
    {
        ["ASPNETCORE_URLS"] = ApiUrl,
        ["ConnectionStrings__revenuedb"] = connectionString,
        ["EventLog__Directory"] = settings.EventLogDirectory,
        ["Ingest__Secrets__0"] = settings.IngestSecret,
    });

    public ServiceDefinition Client => new("client", "RevenueAspire.Client", new Dictionary<string, string>(Common("client"))
    {
        ["ASPNETCORE_URLS"] = ClientUrl,
        ["services__api__http__0"] = ApiUrl,
        ["Client__Url"] = "https+http://api",
        ["Client__Secret"] = settings.IngestSecret,
        ["Client__SendOnStart"] = "true",
    });

    public IEnumerable<ServiceDefinition> Processors => Enumerable.Range(1, settings.Processors).Select(n =>
        new ServiceDefinition($"processor-{n}", "RevenueAspire.Processor", new Dictionary<string, string>(Common("processor"))
        {
            ["ConnectionStrings__revenuedb"] = connectionString,
            ["EventLog__Directory"] = settings.EventLogDirectory,
        }));

    /// <summary>What every service gets. OTEL_* and the rest of the environment are inherited.</summary>
    private Dictionary<string, string> Common(string name) => new()
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Development",
        ["DOTNET_ENVIRONMENT"] = "Development",
        ["Data__Directory"] = settings.DataDirectory,
        ["Host__StopWithInput"] = "true",
        ["OTEL_SERVICE_NAME"] = name,
        // 'Press Ctrl+C to shut down' from each service would be wrong here, and the rest of it the starter says itself.
        ["Logging__LogLevel__Microsoft.Hosting.Lifetime"] = "Warning",
    };

    private static string Url(int port) => "http://localhost:" + port.ToString(CultureInfo.InvariantCulture);
}
