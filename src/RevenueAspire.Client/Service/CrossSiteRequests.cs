using Microsoft.Net.Http.Headers;

namespace RevenueAspire.Client.Service;

/// <summary>Refuses requests that a web page of another site triggers in a visitor's browser, because such a page must not be able to move money.
/// Pure.</summary>
/// <remarks>Browsers send <c>Sec-Fetch-Site</c> to https and to localhost, and <c>Origin</c> with each POST of a page. A browser's GET with neither header is
/// also refused, because the page that sent it is unknown. Programs such as curl send neither header either, but their user agent does not begin with
/// Mozilla.</remarks>
internal static class CrossSiteRequests
{
    /// <summary>Adds the check to an endpoint; a refusal is 403.</summary>
    public static RouteHandlerBuilder RefuseCrossSite(this RouteHandlerBuilder endpoint) => endpoint.AddEndpointFilter(async (context, next) =>
        FindCause(context.HttpContext.Request) is { } cause
            ? TypedResults.Problem(
                $"Nothing was sent: {cause}. Use curl, or type the address into the browser.", statusCode: StatusCodes.Status403Forbidden)
            : await next(context));

    /// <summary>Returns why a request may come from another site, or null.</summary>
    public static string? FindCause(HttpRequest request)
    {
        var headers = request.Headers;
        if (headers["Sec-Fetch-Site"] is { Count: > 0 } site)
        {
            // "same-site" includes other hosts and ports of the same domain. On localhost, that is any other program.
            return site is ["same-origin"] or ["none"] ? null : "the request comes from a web page of another site (Sec-Fetch-Site)";
        }

        if (headers.Origin is { Count: > 0 } origin)
        {
            return origin is [{ } value] && IsOwn(value, request.Host) ? null : "the request comes from a web page of another site (Origin)";
        }

        return headers[HeaderNames.UserAgent].ToString().StartsWith("Mozilla/", StringComparison.OrdinalIgnoreCase)
            ? "the browser does not state which page sent the request (no Sec-Fetch-Site)"
            : null;
    }

    /// <summary>Compares only host and port, because a proxy may terminate TLS.</summary>
    private static bool IsOwn(string origin, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && Uri.TryCreate($"{uri.Scheme}://{host}", UriKind.Absolute, out var own)
        && (uri.IdnHost, uri.Port) == (own.IdnHost, own.Port);
}
