using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Listens on a port of its own before a Postgres server, and leaves to its kinds what becomes of each connection. Disposing it ends all connections.</summary>
public abstract class PostgresProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly IPEndPoint _server;
    private Task _accepting = Task.CompletedTask;

    private protected PostgresProxy(string host, int port)
    {
        _server = new IPEndPoint(IPAddress.TryParse(host, out var address) ? address : IPAddress.Loopback, port);
        _listener.Start();
    }

    /// <summary>Where clients connect to, on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Takes connections from now on: the last thing that a constructor does.</summary>
    private protected void Accept() => _accepting = AcceptAsync();

    /// <summary>What is done with the next connection; called in the order in which they come.</summary>
    private protected abstract Func<TcpClient, TcpClient, CancellationTokenSource, Task> Next();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _connections.Add(PassAsync(client, Next()));
            }
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PassAsync(TcpClient client, Func<TcpClient, TcpClient, CancellationTokenSource, Task> pass)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(_server, both.Token);
                await pass(client, server, both);
                await both.CancelAsync();
            }
            catch (Exception broken) when (broken is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
            }
        }
    }

    /// <summary>Whether an answer is that to an append or a merge that is done: '2' (bind complete) for a statement that was prepared before; then its tag.</summary>
    private protected static bool IsCommitted(ReadOnlySpan<byte> answer) => answer[0] == (byte)'2' && answer.IndexOf("SELECT 1\0"u8) >= 0;
}
