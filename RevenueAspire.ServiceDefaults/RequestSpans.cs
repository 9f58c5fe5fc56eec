using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenTelemetry.Trace;

namespace RevenueAspire.ServiceDefaults;

/// <summary>Creates the server span of each sampled request, with the source <c>RevenueAspire.Requests</c>. Thread-safe.</summary>
/// <remarks>OpenTelemetry's instrumentation of ASP.NET Core creates an activity for each request, and samples it afterwards (measured in this project's
/// README). Here the sampling decision comes first, so the 99 % of requests that are not sampled cost nothing. The span is named after the route, since the
/// path contains a user id.</remarks>
/// <param name="ratio">Share of requests to sample if the caller sent no trace; otherwise the caller's decision applies. Null if the configured sampler
/// decides.</param>
internal sealed class RequestSpans(double? ratio) : IStartupFilter
{
    private const string Name = "request";

    private static readonly ActivitySource Source = new("RevenueAspire.Requests");

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(TraceAsync);
        next(app);
    };

    private Task TraceAsync(HttpContext context, RequestDelegate next)
    {
        if (!Source.HasListeners())
        {
            return next(context);
        }

        // Treat a malformed header like a missing one: begin a new trace.
        ActivityContext caller = default;
        var header = context.Request.Headers.TraceParent;
        var hasCaller = header.Count > 0 && ActivityContext.TryParse(header, context.Request.Headers.TraceState, isRemote: true, out caller);
        var isWanted = ratio is not { } share || (hasCaller ? IsSampled(caller) : Random.Shared.NextDouble() < share);
        return isWanted ? TraceAsync(context, next, caller) : next(context);
    }

    private static async Task TraceAsync(HttpContext context, RequestDelegate next, ActivityContext parent)
    {
        // ASP.NET Core creates an activity for its log lines, without a sampling decision. Do not use it as the parent.
        Activity.Current = null;
        using var span = Source.StartActivity(Name, ActivityKind.Server, parent);
        if (span is not { IsAllDataRequested: true })
        {
            await next(context);
            return;
        }

        if (context.Request.Path.Equals("/health") || context.Request.Path.Equals("/alive"))
        {
            span.IsAllDataRequested = false;
            span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            await next(context);
            return;
        }

        try
        {
            await next(context);
        }
        finally
        {
            Describe(span, context);
        }
    }

    private static void Describe(Activity span, HttpContext context)
    {
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        span.DisplayName = route is null ? context.Request.Method : $"{context.Request.Method} {route}";
        span.SetTag("http.request.method", context.Request.Method);
        span.SetTag("http.response.status_code", context.Response.StatusCode);
        if (route is not null)
        {
            span.SetTag("http.route", route);
        }

        if (context.Response.StatusCode >= StatusCodes.Status500InternalServerError)
        {
            span.SetStatus(ActivityStatusCode.Error);
        }
    }

    private static bool IsSampled(ActivityContext context) => (context.TraceFlags & ActivityTraceFlags.Recorded) != 0;

    /// <summary>Samples the requests that this class selected, and each trace with a link to a sampled span. So a sampled request's trace leads to the merge
    /// that applied its event.</summary>
    public sealed class DrawnOrLinkedSampler(Sampler other) : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            samplingParameters is { Kind: ActivityKind.Server, Name: Name } || samplingParameters.Links?.Any(link => IsSampled(link.Context)) == true
                ? new SamplingResult(SamplingDecision.RecordAndSample)
                : other.ShouldSample(samplingParameters);
    }
}
