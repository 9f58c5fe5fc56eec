using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

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

    /// <summary>Binds and listens.</summary>
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

    private Connection Open(Socket socket)
    {
        try
        {
            if (socket.LocalEndPoint is IPEndPoint)
            {
                socket.NoDelay = _noDelay;
            }

            return new Connection(_factory.Create(socket), _connections);
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

    /// <summary>A connection that is counted until its socket is closed.</summary>
    private sealed class Connection(ConnectionContext inner, OpenConnections connections) : ConnectionContext
    {
        private int _closed;

        public override string ConnectionId { get => inner.ConnectionId; set => inner.ConnectionId = value; }

        public override IFeatureCollection Features => inner.Features;

        public override IDictionary<object, object?> Items { get => inner.Items; set => inner.Items = value; }

        public override IDuplexPipe Transport { get => inner.Transport; set => inner.Transport = value; }

        public override CancellationToken ConnectionClosed { get => inner.ConnectionClosed; set => inner.ConnectionClosed = value; }

        public override EndPoint? LocalEndPoint { get => inner.LocalEndPoint; set => inner.LocalEndPoint = value; }

        public override EndPoint? RemoteEndPoint { get => inner.RemoteEndPoint; set => inner.RemoteEndPoint = value; }

        public override void Abort() => inner.Abort();

        public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

        public override async ValueTask DisposeAsync()
        {
            try
            {
                await inner.DisposeAsync();
                await base.DisposeAsync();
            }
            finally
            {
                if (Interlocked.Exchange(ref _closed, 1) == 0)
                {
                    connections.Remove();
                }
            }
        }
    }
}
