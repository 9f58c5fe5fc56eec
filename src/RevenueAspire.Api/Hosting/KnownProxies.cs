using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using RevenueAspire.CommandLine;
using IPNetwork = System.Net.IPNetwork;

namespace RevenueAspire.Api.Hosting;

/// <summary>The proxies trusted to set <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> (<c>Api:KnownProxies</c>); none by default.</summary>
internal static class KnownProxies
{
    private const string Setting = "Api:KnownProxies";

    /// <summary>Reads the setting, a list of addresses and networks.</summary>
    /// <exception cref="UserErrorException">An entry is neither an address nor a network.</exception>
    public static void AddKnownProxies(this WebApplicationBuilder builder)
    {
        var section = builder.Configuration.GetSection(Setting);
        var networks = (section.Get<string[]>() ?? (section.Value is { Length: > 0 } single ? [single] : [])).Select(Parse).ToArray();

        // Runs after the framework's own configuration, to replace it: ASPNETCORE_FORWARDEDHEADERS_ENABLED would trust every caller.
        builder.Services.PostConfigure<ForwardedHeadersOptions>(options =>
        {
            options.ForwardedHeaders = networks.Length == 0 ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
            options.ForwardLimit = null;
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var network in networks)
            {
                options.KnownIPNetworks.Add(network);
            }
        });
    }

    private static IPNetwork Parse(string entry) =>
        IPNetwork.TryParse(entry, out var network) ? network
        : IPAddress.TryParse(entry, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : throw new UserErrorException($"{Setting}: '{entry}' is neither an address, such as 10.0.0.5, nor a network, such as 10.0.0.0/24.");
}
