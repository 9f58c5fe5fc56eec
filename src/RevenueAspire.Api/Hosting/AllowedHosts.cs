using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.Primitives;
using RevenueAspire.Api.Errors;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Api.Hosting;

/// <summary>Answers only requests for the API's own host names (<c>AllowedHosts</c>). Otherwise another site could resolve its host name to this machine, and
/// its page could call the API (DNS rebinding).</summary>
/// <remarks>ASP.NET Core's built-in filter answers with an HTML page, before any middleware of the API. So it is set to allow every host.</remarks>
internal static class AllowedHosts
{
    private const string AnyHost = "*";

    /// <summary>Call it before any code reads the setting.</summary>
    public static void AddAllowedHosts(this WebApplicationBuilder builder)
    {
        builder.AddHostNames();
        builder.Services.Configure<HostFilteringOptions>(options => options.AllowedHosts = [AnyHost]);
    }

    /// <summary>Call it before all other middleware. It adds nothing if every host is allowed.</summary>
    public static void UseAllowedHosts(this WebApplication app)
    {
        var setting = app.Configuration[HostNames.Setting] ?? AnyHost;
        StringSegment[] hosts = [.. setting.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(host => new StringSegment(host))];
        if (hosts is [] || hosts.Any(host => host.Value == AnyHost))
        {
            return;
        }

        app.Use(next => context =>
        {
            // A request without a host name, such as an HTTP/1.0 probe, cannot come from a page.
            var host = context.Request.Host.Host;
            return host.Length == 0 || HostString.MatchesAny(host, hosts)
                ? next(context)
                : SocketThreads.CompleteOnPoolAsync(ProblemResponse.WriteAsync(
                    context, StatusCodes.Status400BadRequest, $"Host: this name is not in the setting {HostNames.Setting} of the API.", "Host"));
        });
    }
}
