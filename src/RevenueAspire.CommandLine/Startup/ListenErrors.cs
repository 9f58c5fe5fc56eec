using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace RevenueAspire.CommandLine;

/// <summary>Adds the address to errors of a server that cannot listen. Most of the server's errors (no such address, permission, certificate or port) do not
/// name it.</summary>
internal static class ListenErrors
{
    /// <summary>Wraps the server, if there is one. The wrapper handles only start and stop, not requests.</summary>
    public static void AddListenErrors(this IServiceCollection services)
    {
        if (services.LastOrDefault(service => service.ServiceType == typeof(IServer)) is not { ImplementationType: { } type } server)
        {
            return;
        }

        services.Remove(server);
        services.AddSingleton<IServer>(provider => new NamingServer((IServer)ActivatorUtilities.CreateInstance(provider, type)));
    }

    internal static UserErrorException Describe(Exception exception, IEnumerable<string> addresses)
    {
        // If an address covers several interfaces, there is a reason per interface; the first one is enough.
        var reason = exception.InnerException is AggregateException { InnerExceptions: [var first, ..] } ? first : exception;
        return new UserErrorException(
            $"Cannot listen on {string.Join(", ", addresses)}: {StartupErrors.OneLine(reason.Message)} Choose the address with ASPNETCORE_URLS (or --urls), "
            + "for example http://localhost:8000.", exception);
    }

    private sealed class NamingServer(IServer inner) : IServer
    {
        public IFeatureCollection Features => inner.Features;

        public async Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken) where TContext : notnull
        {
            // Copy the list, because the server empties it while it binds.
            string[] addresses = [.. Features.Get<IServerAddressesFeature>()?.Addresses ?? []];
            try
            {
                await inner.StartAsync(application, cancellationToken);
            }
            catch (Exception exception) when (IsAboutAddress(exception))
            {
                throw Describe(exception, addresses);
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => inner.StopAsync(cancellationToken);

        public void Dispose() => inner.Dispose();

        /// <summary>Whether the error lacks the address. The error for a port in use already names it.</summary>
        private static bool IsAboutAddress(Exception exception) => exception
            is System.Net.Sockets.SocketException or FormatException or ArgumentException or InvalidOperationException
            or UnauthorizedAccessException or CryptographicException
            or IOException { InnerException: not AddressInUseException };
    }
}
