using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace RevenueAspire.ServiceDefaults.Discovery;

/// <summary>Sends a request for <c>http://name</c> or <c>https+http://name</c> to the address in <c>services:name:scheme:0</c>. A host that is not configured is used as it is.</summary>
/// <remarks>Reads the settings that Aspire writes, and no more of its service discovery than this project needs: one address a service, no DNS.</remarks>
internal sealed class ConfiguredServiceHandler(IConfiguration configuration) : DelegatingHandler
{
    private Known? _known;

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = Resolve(request.RequestUri);
        return base.Send(request, cancellationToken);
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = Resolve(request.RequestUri);
        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>As <see cref="Resolve(Uri?, IConfiguration)"/>, but looks the same address up once: a client of many thousand requests a second asks for it again and again.</summary>
    private Uri? Resolve(Uri? uri)
    {
        if (uri is null || !uri.IsAbsoluteUri)
        {
            return uri;
        }

        if (Volatile.Read(ref _known) is { } known && ReferenceEquals(known.Asked, uri) && !known.Settings.HasChanged)
        {
            return known.Resolved;
        }

        var settings = configuration.GetReloadToken();
        var resolved = Resolve(uri, configuration)!;
        Volatile.Write(ref _known, new Known(uri, resolved, settings));
        return resolved;
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

    /// <param name="Asked">The very object that was asked for: comparing addresses would cost as much as it saves.</param>
    /// <param name="Resolved">What it stands for.</param>
    /// <param name="Settings">Tells when that may have changed.</param>
    private sealed record Known(Uri Asked, Uri Resolved, IChangeToken Settings);
}
