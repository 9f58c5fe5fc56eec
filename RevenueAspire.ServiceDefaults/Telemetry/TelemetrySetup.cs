using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace RevenueAspire.ServiceDefaults.Telemetry;

/// <summary>OpenTelemetry to the collector in <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>. Without that setting nothing listens: no activity, no measurement is made.</summary>
/// <remarks>The exporters send in batches from bounded queues on threads of their own and drop what a collector does not take, so that a dead one costs no event.</remarks>
internal static class TelemetrySetup
{
    /// <summary>Share of requests that is traced when neither the caller nor <c>OTEL_TRACES_SAMPLER</c> decides.</summary>
    public const double DefaultSamplingRatio = 0.01;

    public static readonly string[] Sources = ["System.Net.Http", "Npgsql", "RevenueAspire.*"];

    /// <summary>Of ASP.NET Core those that tell something about requests. Its memory pool counts each block that is rented and returned, several a request, and its active requests go up and down with
    /// each (they are dropped below): dearer than what they tell beside durations, connections and the depth of the log's queue.</summary>
    public static readonly string[] Meters =
    [
        "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Routing", "Microsoft.AspNetCore.Diagnostics",
        "System.Net.Http", "System.Runtime", "Npgsql", "RevenueAspire.*",
    ];

    public static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return;
        }

        var resource = Resource(builder.Environment.ApplicationName);
        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeFormattedMessage = true;
            // ASP.NET Core's scope of a request holds its path, and that a user id.
            logs.IncludeScopes = false;
            logs.SetResourceBuilder(resource).AddOtlpExporter();
        });

        // A sampler set in code would win over the variable, which the SDK reads by itself.
        double? ratio = string.IsNullOrWhiteSpace(builder.Configuration["OTEL_TRACES_SAMPLER"]) ? DefaultSamplingRatio : null;
        builder.Services.AddSingleton<IStartupFilter>(new RequestSpans(ratio));
        builder.Services.AddHostedService(services => new TelemetryService(() => Traces(builder.Configuration, resource, ratio), () => Metrics(builder.Configuration, resource)));
    }

    private static TracerProvider Traces(IConfiguration configuration, ResourceBuilder resource, double? ratio)
    {
        var traces = Sdk.CreateTracerProviderBuilder()
            .ConfigureServices(services => services.AddSingleton(configuration))
            .SetResourceBuilder(resource)
            .AddSource(Sources)
            .AddProcessor(new LoneQueryFilter())
            .AddOtlpExporter();
        if (ratio is { } share)
        {
            traces.SetSampler(new ParentBasedSampler(RequestSpans.Drawn(new LinkedSampler(new TraceIdRatioBasedSampler(share)))));
        }

        return traces.Build();
    }

    private static MeterProvider Metrics(IConfiguration configuration, ResourceBuilder resource) =>
        Sdk.CreateMeterProviderBuilder()
            .ConfigureServices(services => services.AddSingleton(configuration))
            .SetResourceBuilder(resource)
            .AddMeter(Meters)
            .AddView("http.server.active_requests", MetricStreamConfiguration.Drop)
            .AddOtlpExporter()
            .Build();

    /// <summary>Names the service and its instance; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, added last, win.</summary>
    private static ResourceBuilder Resource(string applicationName) =>
        ResourceBuilder.CreateEmpty().AddTelemetrySdk().AddService(applicationName).AddEnvironmentVariableDetector();
}
