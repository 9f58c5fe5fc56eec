using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace RevenueAspire.ServiceDefaults;

/// <summary>Shared by all services, as in Aspire's template: telemetry, health checks, service discovery and resilient HTTP clients. <see
/// cref="DatabaseExtensions"/> adds the data source.</summary>
public static class Extensions
{
    /// <summary>Tag of the checks that <c>/alive</c> runs.</summary>
    private const string LiveTag = "live";

    /// <summary>Share of requests to trace, unless the caller or <c>OTEL_TRACES_SAMPLER</c> determines it.</summary>
    private const double DefaultSamplingRatio = 0.01;

    /// <summary>Meters of ASP.NET Core to export. OpenTelemetry's instrumentation package would add more meters, and a request would allocate 650 B instead of
    /// 507 B (README).</summary>
    private static readonly string[] WebMeters = ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Routing",
        "Microsoft.AspNetCore.Diagnostics"];

    private static readonly JsonSerializerOptions HealthJson = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Adds telemetry, health checks, service discovery, and retries for every HttpClient of the factory.</summary>
    /// <remarks>Call it first. Telemetry then starts before the service's hosted services, and stops after them.</remarks>
    public static void AddServiceDefaults(this IHostApplicationBuilder builder)
    {
        builder.ConfigureOpenTelemetry();
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy("the process is running"), [LiveTag]);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http =>
        {
            http.AddStandardResilienceHandler();
            http.AddServiceDiscovery();
        });
    }

    /// <summary>Sends traces, metrics and logs to <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>. Without that setting, no listener exists, so no activity and no
    /// measurement is created.</summary>
    /// <remarks>The exporters send in batches from bounded queues on separate threads. They drop items that the collector does not accept, so an unavailable
    /// collector never blocks or loses an event.</remarks>
    private static void ConfigureOpenTelemetry(this IHostApplicationBuilder builder)
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return;
        }

        // Export no scopes: ASP.NET Core's scope contains the request's path, which contains a user id.
        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeFormattedMessage = true;
            logs.IncludeScopes = false;
        });

        // The SDK reads the sampler from this environment variable. A sampler set in code would override it.
        double? ratio = string.IsNullOrWhiteSpace(builder.Configuration["OTEL_TRACES_SAMPLER"]) ? DefaultSamplingRatio : null;
        builder.Services.AddSingleton<IStartupFilter>(new RequestSpans(ratio));
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(builder.Environment.ApplicationName).AddEnvironmentVariableDetector())
            .WithMetrics(metrics => metrics
                .AddMeter(WebMeters)
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddNpgsqlInstrumentation()
                .AddMeter("RevenueAspire.*")
                .AddView("http.server.active_requests", MetricStreamConfiguration.Drop))
            .WithTracing(tracing =>
            {
                tracing.AddSource("RevenueAspire.*").AddHttpClientInstrumentation().AddNpgsql();
                if (ratio is { } share)
                {
                    tracing.SetSampler(new ParentBasedSampler(new RequestSpans.DrawnOrLinkedSampler(new TraceIdRatioBasedSampler(share))));
                }
            })
            .UseOtlpExporter();
        builder.Services.AddHostedService<TelemetryShutdown>();

        // No retries for the exporters, which may drop items. Retries would delay the stop, and log a warning with a stack trace per attempt.
#pragma warning disable EXTEXP0001 // Experimental; no other call exempts a client from the handlers of AddServiceDefaults.
        foreach (var exporter in (string[])["OtlpTraceExporter", "OtlpMetricExporter", "OtlpLogExporter"])
        {
            builder.Services.AddHttpClient(exporter).RemoveAllResilienceHandlers();
        }
#pragma warning restore EXTEXP0001
    }

    /// <summary>Maps <c>GET /health</c> (readiness; Degraded answers 200) and <c>GET /alive</c> (liveness), in every environment.</summary>
    /// <remarks><c>HEAD</c> also runs the checks, and answers without a body. The body of <c>GET</c> is
    /// <c>{"status":"Degraded","checks":{"ledger":{"status":"Degraded","description":"...","data":{}}}}</c>. Description and data may contain folders, offsets
    /// and disk errors.</remarks>
    /// <param name="showsDetails">Whether the caller of a request sees description and data; null: every caller does.</param>
    public static void MapDefaultEndpoints(this WebApplication app, Func<HttpContext, bool>? showsDetails = null)
    {
        app.MapHealth("/health", showsDetails, new HealthCheckOptions());
        app.MapHealth("/alive", showsDetails, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) });
    }

    private static void MapHealth(this WebApplication app, string path, Func<HttpContext, bool>? showsDetails, HealthCheckOptions options)
    {
        options.ResponseWriter = (context, report) => WriteHealthAsync(context, report, showsDetails?.Invoke(context) ?? true);
        // Allow only GET and HEAD (some monitors send HEAD). Health checks would answer any method, including TRACE.
        app.MapHealthChecks(path, options).WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head])).DisableHttpMetrics();
    }

    private static Task WriteHealthAsync(HttpContext context, HealthReport report, bool showsDetails) => context.Response.WriteAsJsonAsync(
        new
        {
            report.Status,
            Checks = report.Entries.ToDictionary(
                check => check.Key,
                object (check) => showsDetails ? new { check.Value.Status, check.Value.Description, check.Value.Data } : new { check.Value.Status }),
        },
        HealthJson,
        context.RequestAborted);

    /// <summary>At the stop, flushes pending telemetry for at most two seconds. A hanging collector would otherwise delay the stop for 15 s, longer than
    /// Aspire's orchestrator waits before it kills the process.</summary>
    private sealed class TelemetryShutdown(TracerProvider traces, MeterProvider metrics, LoggerProvider logs) : IHostedService
    {
        private const int LimitMilliseconds = 2000;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
            Task.Run(() => traces.Shutdown(LimitMilliseconds), CancellationToken.None),
            Task.Run(() => metrics.Shutdown(LimitMilliseconds), CancellationToken.None),
            Task.Run(() => logs.Shutdown(LimitMilliseconds), CancellationToken.None));
    }
}
