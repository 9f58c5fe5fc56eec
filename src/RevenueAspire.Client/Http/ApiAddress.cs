using Microsoft.Extensions.ServiceDiscovery;

namespace RevenueAspire.Client.Http;

/// <summary>Turns a name for service discovery into an address, once per run: as a handler, discovery would make strings and an address for every
/// request.</summary>
internal static class ApiAddress
{
    /// <summary>The address behind a URL.</summary>
    /// <param name="resolver">Service discovery.</param>
    /// <param name="url">An address, or a name (<c>https+http://api</c>). A name without an entry is taken for a host, with the first of its schemes.</param>
    /// <param name="cancellationToken">Ends the search.</param>
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
