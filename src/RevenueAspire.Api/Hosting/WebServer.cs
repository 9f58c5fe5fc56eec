using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace RevenueAspire.Api.Hosting;

/// <summary>Kestrel's limits. Each endpoint limits the size of its bodies.</summary>
internal static class WebServer
{
    /// <summary>A body that trickles slower than this, after the grace, ends in 408: a slow client cannot hold a connection for long.</summary>
    public const double MinBodyBytesPerSecond = 1024;

    private static readonly TimeSpan BodyGrace = TimeSpan.FromSeconds(5);

    public const int MaxRequestLineBytes = 8 << 10;
    public const int MaxHeadersBytes = 32 << 10;
    public const int MaxHeaders = 100;

    /// <summary>Time in which a request's headers must arrive.</summary>
    public static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Memory of a connection whose body is not read yet. Smaller than Kestrel's own 1 MB: a hundred large batches may be waiting.</summary>
    private const int MaxConnectionBufferBytes = 256 << 10;

    public static WebApplicationBuilder AddWebServer(this WebApplicationBuilder builder)
    {
        builder.WebHost.UseSockets(sockets =>
        {
            // An idle connection keeps a block of 4 KB; a request is received by one call instead of two.
            sockets.WaitForDataBeforeAllocatingBuffer = false;

            // The thread that handles a socket's event runs the request, and the thread that answers sends. SocketThreads lists what must not run there, which
            // the option calls unsafe.
            sockets.UnsafePreferInlineScheduling = true;
        });

        // The last one registered is asked first.
        builder.Services.AddSingleton<IConnectionListenerFactory, BoundedSockets>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(MinBodyBytesPerSecond, BodyGrace);
            kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
            kestrel.Limits.MaxRequestLineSize = MaxRequestLineBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = MaxHeadersBytes;
            kestrel.Limits.MaxRequestHeaderCount = MaxHeaders;
            kestrel.Limits.MaxRequestBufferSize = MaxConnectionBufferBytes;
        });
        return builder;
    }
}
