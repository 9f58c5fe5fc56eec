using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using RevenueAspire.Api.Errors;

namespace RevenueAspire.Api.Hosting;

/// <summary>Kestrel's limits. Each endpoint limits the size of its bodies.</summary>
internal static class WebServer
{
    /// <summary>Minimum rate of a body after the grace period. A slower body gets 408, so a slow client cannot hold a connection for long.</summary>
    public const double MinBodyBytesPerSecond = 1024;

    private static readonly TimeSpan BodyGrace = TimeSpan.FromSeconds(5);

    public const int MaxRequestLineBytes = 8 << 10;
    public const int MaxHeadersBytes = 32 << 10;
    public const int MaxHeaders = 100;

    /// <summary>Maximum time for a request's headers to arrive.</summary>
    public static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Maximum buffered bytes of an unread body, per connection. Below Kestrel's default of 1 MB, since a hundred large batches may be
    /// waiting.</summary>
    private const int MaxConnectionBufferBytes = 256 << 10;

    public static void AddWebServer(this WebApplicationBuilder builder)
    {
        builder.WebHost.UseSockets(sockets =>
        {
            // Each idle connection holds a 4 KB buffer. In return, receiving a request takes one system call instead of two.
            sockets.WaitForDataBeforeAllocatingBuffer = false;

            // The thread that polls a socket also runs the request, and the thread that answers also sends. The option's name calls this unsafe: SocketThreads
            // moves long or blocking work to the pool.
            sockets.UnsafePreferInlineScheduling = true;
        });

        builder.Services.AddSingleton<DiagnosticSource, ServerRefusals>();

        // Kestrel prefers the factory that was registered last.
        builder.Services.AddSingleton<OpenConnections>().AddSingleton<IConnectionListenerFactory, BoundedSockets>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var connections = kestrel.ApplicationServices.GetRequiredService<OpenConnections>();
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(connections.RemoveAfter));
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(MinBodyBytesPerSecond, BodyGrace);
            kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
            kestrel.Limits.MaxRequestLineSize = MaxRequestLineBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = MaxHeadersBytes;
            kestrel.Limits.MaxRequestHeaderCount = MaxHeaders;
            kestrel.Limits.MaxRequestBufferSize = MaxConnectionBufferBytes;
        });
    }
}
