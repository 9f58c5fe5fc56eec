using Microsoft.Extensions.Configuration;

namespace RevenueAspire.ServiceDefaults.Discovery;

/// <summary>Sends a request for <c>http://name</c> or <c>https+http://name</c> to the address in <c>services:name:scheme:0</c>. A host that is not configured is used as it is.</summary>
/// <remarks>Reads the settings that Aspire writes, and no more of its service discovery than this project needs: one address a service, no DNS.</remarks>
internal sealed class ConfiguredServiceHandler(IConfiguration configuration) : DelegatingHandler
{
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = Resolve(request.RequestUri, configuration);
        return base.Send(request, cancellationToken);
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = Resolve(request.RequestUri, configuration);
        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>The address behind a name; schemes in the order in which the caller prefers them.</summary>
    internal static Uri? Resolve(Uri? uri, IConfiguration configuration)
    {
        if (uri is null || !uri.IsAbsoluteUri)
        {
            return uri;
        }

        var schemes = uri.Scheme.Split('+');
        foreach (var scheme in schemes)
        {
            if (configuration[$"services:{uri.Host}:{scheme}:0"] is { Length: > 0 } address && Uri.TryCreate(address, UriKind.Absolute, out var target))
            {
                return new UriBuilder(target.Scheme, target.Host, target.Port) { Path = uri.AbsolutePath, Query = uri.Query }.Uri;
            }
        }

        // A plain host behind a preference of schemes takes the first of them.
        return schemes.Length == 1 ? uri : new Uri(schemes[0] + uri.OriginalString[uri.Scheme.Length..]);
    }
}
