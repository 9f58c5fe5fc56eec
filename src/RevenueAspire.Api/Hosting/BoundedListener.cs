using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace RevenueAspire.Api.Hosting;

/// <summary>A listening socket that closes new connections at once while free descriptors are scarce. The log needs the last ones.</summary>
/// <remarks>Kestrel's own listener has no limit, and retries a failed accept without a pause. A process without free descriptors would then use a whole core
/// until a connection ends.</remarks>
internal sealed class BoundedListener : IConnectionListener
{
    /// <summary>Number of consecutive refusals before a pause, so that a client that reconnects at once cannot keep a core busy.</summary>
    private const int RefusedAtOnce = 16;

    private static readonly TimeSpan RefusalPause = TimeSpan.FromMilliseconds(10);

    /// <summary>Pause between attempts to accept while no descriptor is free. New connections wait in the system's backlog.</summary>
    private static readonly TimeSpan ExhaustedPause = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;
    private readonly SocketConnectionContextFactory _factory;
    private readonly bool _noDelay;
    private readonly OpenConnections _connections;

    /// <exception cref="AddressInUseException">Another process listens on this address.</exception>
    public BoundedListener(EndPoint endpoint, SocketTransportOptions options, OpenConnections connections, ILoggerFactory loggers)
    {
        try
        {
            _socket = options.CreateBoundListenSocket(endpoint);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(exception.Message, exception);
        }

        _socket.Listen(options.Backlog);
        EndPoint = _socket.LocalEndPoint!;
        (_noDelay, _connections) = (options.NoDelay, connections);
        _factory = new SocketConnectionContextFactory(CreateOptions(options), loggers.CreateLogger<SocketConnectionContextFactory>());
    }

    public EndPoint EndPoint { get; }

    /// <returns>Null after <see cref="UnbindAsync"/>.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        for (var refused = 0; ;)
        {
            try
            {
                var socket = await _socket.AcceptAsync(cancellationToken);
                if (_connections.TryAdd(socket))
                {
                    return Open(socket);
                }

                socket.Dispose();
                _connections.ReportRefused();
                if (++refused % RefusedAtOnce == 0)
                {
                    await Task.Delay(RefusalPause, cancellationToken);
                }
            }
            catch (Exception exception) when (exception is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return null;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is not (SocketError.ConnectionReset or SocketError.ConnectionAborted))
            {
                // No free descriptor, or no memory for one.
                _connections.ReportRefused();
                await Task.Delay(ExhaustedPause, cancellationToken);
            }
            catch (SocketException)
            {
                // The client closed the connection before it was accepted.
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _socket.Dispose();
        return default;
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _factory.Dispose();
        return default;
    }

    private ConnectionContext Open(Socket socket)
    {
        try
        {
            if (socket.LocalEndPoint is IPEndPoint)
            {
                socket.NoDelay = _noDelay;
            }

            return _factory.Create(socket);
        }
        catch
        {
            socket.Dispose();
            _connections.Remove();
            throw;
        }
    }

    /// <summary>The constructor that Kestrel's own listener uses, which ASP.NET Core 10 does not expose. The public constructor omits the pool of pinned
    /// memory, so each request would allocate more.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SocketConnectionFactoryOptions CreateOptions(SocketTransportOptions options);
}

/// <summary>Kestrel's sockets, with a listener that reserves descriptors for the log.</summary>
internal sealed class BoundedSockets(IOptions<SocketTransportOptions> options, OpenConnections connections, ILoggerFactory loggers)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or FileHandleEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(new BoundedListener(endpoint, options.Value, connections, loggers));
}
