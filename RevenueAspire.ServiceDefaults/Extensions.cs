using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace RevenueAspire.ServiceDefaults;

/// <summary>What every service shares: telemetry, health, service discovery, the data source.</summary>
public static class Extensions
{
    /// <summary>Name of the connection string and of the database.</summary>
    public const string DatabaseName = "revenuedb";

    /// <summary>OpenTelemetry (exported when OTEL_EXPORTER_OTLP_ENDPOINT is set), health checks, and service discovery for HttpClient.</summary>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder => throw new NotImplementedException();

    /// <summary>Registers NpgsqlDataSource for <c>ConnectionStrings:revenuedb</c>, with traces and metrics. Nothing is connected, and a missing setting is an error only when it is first resolved.</summary>
    public static TBuilder AddRevenueDatabase<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder => throw new NotImplementedException();

    /// <summary>Maps <c>/health</c> (readiness, JSON that names each check; Degraded answers 200) and <c>/alive</c> (liveness), in every environment.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app) => throw new NotImplementedException();
}
