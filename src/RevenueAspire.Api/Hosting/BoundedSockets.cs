using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace RevenueAspire.Api.Hosting;

/// <summary>Kestrel's sockets, with a listener that reserves descriptors for the log (<see cref="BoundedListener"/>).</summary>
internal sealed class BoundedSockets(IOptions<SocketTransportOptions> options, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly OpenConnections _connections = new(loggers.CreateLogger<BoundedListener>());

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or FileHandleEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(new BoundedListener(endpoint, options.Value, _connections, loggers));
}
