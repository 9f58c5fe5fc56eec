using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.ServiceDefaults;

/// <summary>The host names that a service answers for (<c>AllowedHosts</c>). ASP.NET Core refuses others with 400.</summary>
/// <remarks>Otherwise a web page could let its host name resolve to 127.0.0.1, and read the service as a part of its site.</remarks>
public static class HostNames
{
    /// <summary>The framework's setting: names without ports, separated by semicolons; <c>*</c> for any, <c>*.example.com</c> for those below one.</summary>
    public const string Setting = "AllowedHosts";

    private const string ThisMachine = "localhost;*.localhost;127.0.0.1;[::1]";

    /// <summary>Sets the default of Development, which is this machine, and checks the setting. Elsewhere any name is the default.</summary>
    /// <exception cref="UserErrorException">The list is empty, or an entry is not a host name, and so would never match.</exception>
    public static WebApplicationBuilder AddHostNames(this WebApplicationBuilder builder)
    {
        var hosts = builder.Configuration[Setting];
        if (string.IsNullOrWhiteSpace(hosts))
        {
            if (builder.Environment.IsDevelopment())
            {
                builder.Configuration.AddInMemoryCollection([KeyValuePair.Create(Setting, (string?)ThisMachine)]);
            }

            return builder;
        }

        var names = hosts.Split(';', StringSplitOptions.RemoveEmptyEntries);
        if (names.Length == 0)
        {
            throw new UserErrorException($"{Setting}: '{hosts}' names no host, and would allow every one. List names separated by semicolons, or *.");
        }

        return names.FirstOrDefault(host => !IsHostName(host)) is { } wrong
            ? throw new UserErrorException(
                $"{Setting}: '{wrong}' is not a host name. List names without scheme and port, separated by semicolons, or *.")
            : builder;
    }

    private static bool IsHostName(string host) =>
        host == "*" || Uri.CheckHostName(host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host) switch
        {
            UriHostNameType.Dns or UriHostNameType.IPv4 => true,
            // The header of a request has brackets.
            UriHostNameType.IPv6 => host.StartsWith('['),
            _ => false,
        };
}
