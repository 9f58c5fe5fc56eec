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

/// <summary>What every service shares, as in Aspire's template: telemetry, health checks, service discovery and resilient HTTP clients.
/// <see cref="DatabaseExtensions"/> adds the data source.</summary>
public static class Extensions
{
    /// <summary>Tag of the checks that <c>/alive</c> runs.</summary>
    public const string LiveTag = "live";

    /// <summary>Share of requests that is traced when neither the caller nor <c>OTEL_TRACES_SAMPLER</c> decides.</summary>
    private const double DefaultSamplingRatio = 0.01;

    /// <summary>Meters of ASP.NET Core. OpenTelemetry's instrumentation package adds more of them; with those a request allocates 650 B instead of 507
    /// (README).</summary>
    private static readonly string[] WebMeters = ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Routing",
        "Microsoft.AspNetCore.Diagnostics"];

    private static readonly JsonSerializerOptions HealthJson = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Adds telemetry, health checks, service discovery, and retries for every HttpClient of the factory.</summary>
    /// <remarks>Call it first: telemetry then starts before, and ends after, the service's own hosted services.</remarks>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.ConfigureOpenTelemetry();
        builder.AddDefaultHealthChecks();
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http =>
        {
            http.AddStandardResilienceHandler();
            http.AddServiceDiscovery();
        });
        return builder;
    }

    /// <summary>Sends traces, metrics and logs to <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>. Without that setting nothing listens: no activity and no measurement is
    /// made.</summary>
    /// <remarks>The exporters send in batches from bounded queues on separate threads and drop what a collector does not take. An unavailable collector costs
    /// no event.</remarks>
    public static TBuilder ConfigureOpenTelemetry<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return builder;
        }

        // A scope of ASP.NET Core holds the request's path, and the path holds a user id.
        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeFormattedMessage = true;
            logs.IncludeScopes = false;
        });

        // A sampler set in code would override the variable, which the SDK reads.
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
                    tracing.SetSampler(new ParentBasedSampler(RequestSpans.Sampler(new TraceIdRatioBasedSampler(share))));
                }
            })
            .UseOtlpExporter();
        builder.Services.AddHostedService<TelemetryShutdown>();

        // The exporters drop what a collector does not take. Retries would delay the stop, and log a warning with a stack trace per attempt.
#pragma warning disable EXTEXP0001 // May still change; no other call exempts a client from the handlers of AddServiceDefaults.
        foreach (var exporter in (string[])["OtlpTraceExporter", "OtlpMetricExporter", "OtlpLogExporter"])
        {
            builder.Services.AddHttpClient(exporter).RemoveAllResilienceHandlers();
        }
#pragma warning restore EXTEXP0001
        return builder;
    }

    /// <summary>Adds the check that the process answers, which <c>/alive</c> runs.</summary>
    public static TBuilder AddDefaultHealthChecks<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy("the process answers"), [LiveTag]);
        return builder;
    }

    /// <summary>Maps <c>GET /health</c> (readiness; Degraded answers 200) and <c>GET /alive</c> (liveness), in every environment.</summary>
    /// <remarks><c>HEAD</c> runs the checks too and answers without a body. The body of <c>GET</c> is
    /// <c>{"status":"Degraded","checks":{"ledger":{"status":"Degraded","description":"...","data":{}}}}</c>. Description and data may name folders,
    /// offsets and errors of the disk.</remarks>
    /// <param name="app">The service.</param>
    /// <param name="showsDetails">Whether this request's caller gets description and data; null: every caller does.</param>
    public static WebApplication MapDefaultEndpoints(this WebApplication app, Func<HttpContext, bool>? showsDetails = null)
    {
        app.MapHealth("/health", showsDetails, new HealthCheckOptions());
        app.MapHealth("/alive", showsDetails, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) });
        return app;
    }

    private static void MapHealth(this WebApplication app, string path, Func<HttpContext, bool>? showsDetails, HealthCheckOptions options)
    {
        options.ResponseWriter = (context, report) => WriteHealthAsync(context, report, showsDetails?.Invoke(context) ?? true);
        // Health checks would answer any method, TRACE too. Some monitors send HEAD.
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

    /// <summary>Sends what is left within two seconds at the stop: a collector that hangs would otherwise hold it up for 15 s, longer than Aspire's
    /// orchestrator waits before it kills.</summary>
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
