using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenTelemetry.Trace;

namespace RevenueAspire.ServiceDefaults.Telemetry;

/// <summary>Makes the server's span of each request that is traced. Source <c>RevenueAspire.Requests</c>. Thread-safe.</summary>
/// <remarks>ASP.NET Core makes an activity for every request as soon as one listens, and asks the sampler with the ids already made: at tens of thousands of requests a second that was the largest part
/// of what a request allocated. Here a request that begins a trace is drawn first, and one in a hundred costs anything. The route, never the path, is its name: a path holds a user id.</remarks>
/// <param name="ratio">Share of the requests without a caller's trace that are sampled, while a caller's decision is followed; null when the sampler is to be asked about each.</param>
internal sealed class RequestSpans(double? ratio) : IStartupFilter
{
    public const string SourceName = "RevenueAspire.Requests";

    private const string Name = "request";

    private static readonly ActivitySource Source = new(SourceName);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(TraceAsync);
        next(app);
    };

    /// <summary>The sampler that goes with the draw: what was drawn is sampled, and another one is asked about what is no request.</summary>
    public static Sampler Drawn(Sampler other) => new DrawnSampler(other);

    private Task TraceAsync(HttpContext context, RequestDelegate next)
    {
        if (!Source.HasListeners())
        {
            return next(context);
        }

        // A header that is no trace context begins a trace of its own, as if it had not come.
        ActivityContext caller = default;
        var header = context.Request.Headers.TraceParent;
        var hasCaller = header.Count > 0 && ActivityContext.TryParse(header, context.Request.Headers.TraceState, isRemote: true, out caller);
        var isWanted = ratio is not { } share || (hasCaller ? (caller.TraceFlags & ActivityTraceFlags.Recorded) != 0 : Random.Shared.NextDouble() < share);
        return isWanted ? TraceAsync(context, next, caller) : next(context);
    }

    private static async Task TraceAsync(HttpContext context, RequestDelegate next, ActivityContext parent)
    {
        // Where the server logs its requests it makes an activity for the lines, about which no sampler was asked: it is not the parent.
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

    private sealed class DrawnSampler(Sampler other) : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            samplingParameters is { Kind: ActivityKind.Server, Name: Name } ? new SamplingResult(SamplingDecision.RecordAndSample) : other.ShouldSample(samplingParameters);
    }
}
