using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Errors;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api.Hosting;

/// <summary>Answers only requests for the API's own host names (<c>AllowedHosts</c>): a page of another site that lets its name resolve to this machine
/// reaches no call.</summary>
/// <remarks>ASP.NET Core's own filter answers with a page of HTML, before any middleware of the API: it lets everything pass here.</remarks>
internal static class AllowedHosts
{
    private const string AnyHost = "*";

    /// <summary>Call it before anything reads the setting.</summary>
    public static WebApplicationBuilder AddAllowedHosts(this WebApplicationBuilder builder)
    {
        builder.AddHostNames();
        builder.Services.Configure<HostFilteringOptions>(options => options.AllowedHosts = [AnyHost]);
        return builder;
    }

    /// <summary>Call it before anything else. Costs a request nothing where every host is allowed.</summary>
    public static WebApplication UseAllowedHosts(this WebApplication app)
    {
        var setting = app.Configuration[HostNames.Setting] ?? AnyHost;
        StringSegment[] hosts = [.. setting.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(host => new StringSegment(host))];
        if (hosts is [] || hosts.Any(host => host.Value == AnyHost))
        {
            return app;
        }

        app.Use(next => context =>
        {
            // Without a name, as a probe in HTTP/1.0 sends it, a request comes from no page.
            var host = context.Request.Host.Host;
            return host.Length == 0 || HostString.MatchesAny(host, hosts)
                ? next(context)
                : SocketThreads.CompleteOnPoolAsync(ProblemResponse.WriteAsync(
                    context, StatusCodes.Status400BadRequest, $"Host: this API does not answer for that name; {HostNames.Setting} lists its names.", "Host"));
        });
        return app;
    }
}
