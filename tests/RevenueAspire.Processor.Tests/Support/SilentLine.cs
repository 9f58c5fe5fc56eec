using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Processor.Tests.Support;

/// <summary>Passes connections on to a server until it is told to fall silent: then everything stays open and nothing arrives any more, in neither direction.</summary>
internal sealed class SilentLine : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _tasks = [];
    private volatile bool _silent;

    public SilentLine(string host, int port)
    {
        _listener.Start();
        _tasks.Add(AcceptAsync(host, port));
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void FallSilent() => _silent = true;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Task.WhenAll(_tasks);
        _stop.Dispose();
    }

    private async Task AcceptAsync(string host, int port)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _tasks.Add(PassAsync(client, host, port));
            }
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PassAsync(TcpClient client, string host, int port)
    {
        using (client)
        {
            using var server = new TcpClient();
            try
            {
                await server.ConnectAsync(host, port, _stop.Token);
                await Task.WhenAny(CopyAsync(client.GetStream(), server.GetStream()), CopyAsync(server.GetStream(), client.GetStream()));
            }
            catch (Exception broken) when (broken is OperationCanceledException or IOException or SocketException)
            {
            }
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[1 << 16];
        while (await from.ReadAsync(buffer, _stop.Token) is > 0 and var read)
        {
            if (_silent)
            {
                await Task.Delay(Timeout.Infinite, _stop.Token);
            }

            await to.WriteAsync(buffer.AsMemory(0, read), _stop.Token);
        }
    }
}
