using System.Net;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Http;

/// <summary>The proxy from the environment, by curl's rules: http_proxy, https_proxy, all_proxy and no_proxy, each in lower or upper case.
/// Thread-safe.</summary>
/// <remarks>.NET interprets these variables differently: its no_proxy matches neither subdomains nor networks, and it sends loopback requests through the
/// proxy.</remarks>
internal sealed class EnvironmentProxy : IWebProxy
{
    /// <summary>curl's default for a proxy without a port.</summary>
    private const int DefaultPort = 1080;

    private const int DefaultTlsPort = 443;

    private readonly Uri? _http;
    private readonly Uri? _https;
    private readonly string[] _direct;

    private EnvironmentProxy(Uri? http, Uri? https, string[] direct, ICredentials? credentials)
    {
        (_http, _https, _direct) = (http, https, direct);
        Credentials = credentials;
    }

    public ICredentials? Credentials { get; set; }

    /// <summary>Reads the variables of this process, and also applies the proxy to the other HTTP traffic of the process (telemetry).</summary>
    /// <inheritdoc cref="Read"/>
    public static EnvironmentProxy? Install()
    {
        var proxy = Read(Environment.GetEnvironmentVariable);
        if (proxy is not null)
        {
            HttpClient.DefaultProxy = proxy;
        }

        return proxy;
    }

    /// <summary>Reads the variables.</summary>
    /// <param name="read">Returns a variable's value, or null.</param>
    /// <returns>Null if the variables name no proxy.</returns>
    /// <exception cref="UserErrorException">A variable is not a proxy's address. The message does not repeat the value, which may contain a
    /// password.</exception>
    public static EnvironmentProxy? Read(Func<string, string?> read)
    {
        var credentials = new CredentialCache();
        var http = ProxyFor("http", read, credentials);
        var https = ProxyFor("https", read, credentials);
        var direct = (Value("no_proxy", read) ?? "").Split((char[])[',', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return (http ?? https) is null ? null : new EnvironmentProxy(http, https, direct, credentials);
    }

    /// <summary>Returns the proxy for an address, or null for a direct connection.</summary>
    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : Proxy(destination);

    /// <summary>Whether requests to an address bypass the proxy. Requests to this machine always do.</summary>
    public bool IsBypassed(Uri host) =>
        Proxy(host) is null || IsLoopback(host) || Array.Exists(_direct, entry => Matches(host, entry));

    private Uri? Proxy(Uri destination) => destination.Scheme is "https" or "wss" ? _https : _http;

    private static bool IsLoopback(Uri uri) =>
        uri.IsLoopback || uri.IdnHost.TrimEnd('.').EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(uri.IdnHost, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Matches a no_proxy entry: <c>*</c>, a network (10.0.0.0/8), an address, or a domain with its subdomains (with or without a leading
    /// dot).</summary>
    private static bool Matches(Uri uri, string entry)
    {
        if (entry == "*")
        {
            return true;
        }

        var host = uri.IdnHost.TrimEnd('.');
        if (IPAddress.TryParse(host, out var address))
        {
            return entry.Contains('/')
                ? IPNetwork.TryParse(entry, out var network) && network.Contains(address)
                : IPAddress.TryParse(entry.Trim('[', ']'), out var direct) && direct.Equals(address);
        }

        var domain = entry.Trim('.');
        return domain.Length > 0
            && host.EndsWith(domain, StringComparison.OrdinalIgnoreCase)
            && (host.Length == domain.Length || host[^(domain.Length + 1)] == '.');
    }

    private static Uri? ProxyFor(string scheme, Func<string, string?> read, CredentialCache credentials)
    {
        foreach (var name in (string[])[scheme + "_proxy", "all_proxy"])
        {
            if (Value(name, read) is { } value)
            {
                return Parse(name.ToUpperInvariant(), value, credentials);
            }
        }

        return null;
    }

    /// <summary>Lower case has precedence. An empty value counts as not set.</summary>
    private static string? Value(string name, Func<string, string?> read) =>
        read(name) is { Length: > 0 } lower ? lower : read(name.ToUpperInvariant()) is { Length: > 0 } upper ? upper : null;

    private static Uri Parse(string name, string value, CredentialCache credentials)
    {
        var text = value.Contains("://", StringComparison.Ordinal) ? value : "http://" + value;
        // curl's "socks5h" means that the proxy resolves host names. .NET's "socks5" does the same.
        text = text.StartsWith("socks5h://", StringComparison.OrdinalIgnoreCase) ? "socks5://" + text["socks5h://".Length..] : text;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri)
            || uri.Host.Length == 0 || uri.Scheme is not ("http" or "https" or "socks4" or "socks4a" or "socks5"))
        {
            throw new UserErrorException($"{name} is not a proxy's address like http://proxy:3128.");
        }

        var port = HasPort(text, uri) ? uri.Port : uri.Scheme == "https" ? DefaultTlsPort : DefaultPort;
        var proxy = new UriBuilder(uri.Scheme, uri.Host, port).Uri;
        if (uri.UserInfo.Length > 0)
        {
            var parts = uri.UserInfo.Split(':', 2);
            var credential = new NetworkCredential(Uri.UnescapeDataString(parts[0]), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "");
            foreach (var type in (string[])["Basic", "Digest"])
            {
                credentials.Remove(proxy, type);
                credentials.Add(proxy, type, credential);
            }
        }

        return proxy;
    }

    /// <summary>Whether the text contains a port. The parsed address always has one, because the parser fills in the scheme's default.</summary>
    private static bool HasPort(string text, Uri uri)
    {
        var authority = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..].Split('/', '?', '#')[0];
        var host = authority[(authority.LastIndexOf('@') + 1)..];
        return uri.HostNameType == UriHostNameType.IPv6 ? host.Contains("]:", StringComparison.Ordinal) : host.Contains(':');
    }
}
