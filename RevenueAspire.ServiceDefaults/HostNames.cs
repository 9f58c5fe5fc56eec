using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using RevenueAspire.CommandLine;

namespace RevenueAspire.ServiceDefaults;

/// <summary>The host names that a service accepts (<c>AllowedHosts</c>). ASP.NET Core refuses others with 400.</summary>
/// <remarks>Otherwise a web site could resolve its host name to 127.0.0.1, and its pages could then read from the service (DNS rebinding).</remarks>
public static class HostNames
{
    /// <summary>The framework's setting: names without ports, separated by semicolons. <c>*</c> allows any name, <c>*.example.com</c> the subdomains of
    /// one.</summary>
    public const string Setting = "AllowedHosts";

    private const string ThisMachine = "localhost;*.localhost;127.0.0.1;[::1]";

    /// <summary>Validates the setting. In Development the default is this machine, otherwise any name.</summary>
    /// <exception cref="UserErrorException">The list is empty, or an entry is not a host name and would never match.</exception>
    public static void AddHostNames(this WebApplicationBuilder builder)
    {
        var hosts = builder.Configuration[Setting];
        if (string.IsNullOrWhiteSpace(hosts))
        {
            if (builder.Environment.IsDevelopment())
            {
                builder.Configuration.AddInMemoryCollection([KeyValuePair.Create(Setting, (string?)ThisMachine)]);
            }

            return;
        }

        var names = hosts.Split(';', StringSplitOptions.RemoveEmptyEntries);
        if ((names.Length == 0 ? hosts : names.FirstOrDefault(host => !IsHostName(host))) is { } wrong)
        {
            throw new UserErrorException($"{Setting}: '{wrong}' is not a host name. Set names without scheme and port, separated by semicolons, or *.");
        }
    }

    private static bool IsHostName(string host) =>
        host == "*" || Uri.CheckHostName(host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host) switch
        {
            UriHostNameType.Dns or UriHostNameType.IPv4 => true,
            // In a request's header, an IPv6 address has brackets.
            UriHostNameType.IPv6 => host.StartsWith('['),
            _ => false,
        };
}
