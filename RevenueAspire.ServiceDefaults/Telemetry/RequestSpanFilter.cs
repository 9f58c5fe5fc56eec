using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace RevenueAspire.ServiceDefaults.Telemetry;

/// <summary>Gives the server's span its name and tags, which ASP.NET Core leaves to an instrumentation package; drops the spans of health probes.</summary>
/// <remarks>The route, never the path: a path holds a user id.</remarks>
internal sealed class RequestSpanFilter : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(DescribeAsync);
        next(app);
    };

    private static Task DescribeAsync(HttpContext context, RequestDelegate next) =>
        context.Features.Get<IHttpActivityFeature>()?.Activity is { IsAllDataRequested: true } span ? DescribeAsync(context, next, span) : next(context);

    private static async Task DescribeAsync(HttpContext context, RequestDelegate next, Activity span)
    {
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
    }
}
