using Microsoft.Extensions.ServiceDiscovery;

namespace RevenueAspire.Client.Http;

/// <summary>Resolves a service discovery name to an address, once per run. Discovery in an HTTP handler would allocate strings and an address for each
/// request.</summary>
internal static class ApiAddress
{
    /// <summary>Resolves a URL.</summary>
    /// <param name="resolver">Service discovery.</param>
    /// <param name="url">An address or a name (<c>https+http://api</c>). If discovery has no entry for a name, the name is used as the host, with the first of
    /// its schemes.</param>
    /// <param name="cancellationToken">Stops the resolution.</param>
    public static async ValueTask<Uri> ResolveAsync(ServiceEndpointResolver resolver, Uri url, CancellationToken cancellationToken)
    {
        var found = await resolver.GetEndpointsAsync(url.GetLeftPart(UriPartial.Authority), cancellationToken);
        var first = found.Endpoints.Count > 0 ? found.Endpoints[0].EndPoint : null;
        var result = new UriBuilder(url);
        if (first is UriEndPoint { Uri: var endpoint })
        {
            (result.Scheme, result.Host, result.Port) = (endpoint.Scheme, endpoint.Host, endpoint.Port);
            result.Path = endpoint.AbsolutePath.TrimEnd('/') + url.AbsolutePath;
        }
        else if (url.Scheme.Split('+') is [var scheme, _])
        {
            (result.Scheme, result.Port) = (scheme, url.IsDefaultPort ? -1 : url.Port);
        }

        return result.Uri;
    }
}
