using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using RevenueAspire.ServiceDefaults.Discovery;
using RevenueAspire.ServiceDefaults.Health;
using RevenueAspire.ServiceDefaults.Listening;
using RevenueAspire.ServiceDefaults.Logging;
using RevenueAspire.ServiceDefaults.Telemetry;

namespace RevenueAspire.ServiceDefaults;

/// <summary>What every service shares: telemetry, health, service discovery, the data source.</summary>
public static partial class Extensions
{
    /// <summary>Name of the connection string and of the database.</summary>
    public const string DatabaseName = "revenuedb";

    /// <summary>Tag of the checks that <c>/alive</c> runs.</summary>
    public const string LiveTag = "live";

    /// <summary>OpenTelemetry (exported when OTEL_EXPORTER_OTLP_ENDPOINT is set), console logs of one line an entry, health checks, and service discovery for HttpClient.</summary>
    /// <remarks>Call it first: telemetry then starts before, and ends after, the service's own hosted services.</remarks>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.AddLineConsole();
        builder.AddTelemetry();
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy("the process answers"), [LiveTag]);
        builder.Services.AddHttpServiceDiscovery();
        builder.Services.AddListenErrors();
        builder.Services.AddHostedService<BackgroundFailures>();
        if (builder.Configuration.GetValue<bool>(StopWithInput.Setting))
        {
            builder.Services.AddHostedService<StopWithInput>();
        }

        return builder;
    }

    /// <summary>Maps <c>GET /health</c> (readiness, JSON that names each check; Degraded answers 200) and <c>GET /alive</c> (liveness), in every environment.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks("/health", new HealthCheckOptions { ResponseWriter = HealthReportJson.WriteAsync }).OnlyGet().DisableHttpMetrics();
        app.MapHealthChecks("/alive", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(LiveTag),
            ResponseWriter = HealthReportJson.WriteAsync,
        }).OnlyGet().DisableHttpMetrics();
        return app;
    }

    /// <summary>Health checks answer any method by themselves, TRACE too.</summary>
    private static IEndpointConventionBuilder OnlyGet(this IEndpointConventionBuilder endpoint) => endpoint.WithMetadata(new HttpMethodMetadata([HttpMethods.Get]));
}
