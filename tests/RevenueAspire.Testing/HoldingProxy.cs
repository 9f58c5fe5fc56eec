using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Passes connections on to Postgres; on request it loses the answer to the next append, or holds everything up without breaking a connection.</summary>
public sealed class HoldingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly IPEndPoint _server;
    private readonly Task _accepting;
    private int _answersToLose;
    private bool _holds;
    private int _holdsFromAppend;

    public HoldingProxy(string host, int port)
    {
        _server = new IPEndPoint(IPAddress.TryParse(host, out var address) ? address : IPAddress.Loopback, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether nothing passes in either direction.</summary>
    public bool Holds
    {
        get => Volatile.Read(ref _holds);
        set => Volatile.Write(ref _holds, value);
    }

    /// <summary>The answer to the next append is the first that does not pass: then nothing does.</summary>
    public void HoldFromNextAppend() => Interlocked.Exchange(ref _holdsFromAppend, 1);

    /// <summary>Answers to appends that are still to be lost, each with its connection.</summary>
    public int AnswersToLose
    {
        get => Volatile.Read(ref _answersToLose);
        set => Volatile.Write(ref _answersToLose, value);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            _connections.Add(PassAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
    }

    private async Task PassAsync(TcpClient client)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(_server, both.Token);
                await Task.WhenAny(CopyAsync(client, server, isAnswer: false), CopyAsync(server, client, isAnswer: true));
                await both.CancelAsync();
            }
            catch (Exception broken) when (broken is OperationCanceledException or IOException or SocketException)
            {
            }
        }

        async Task CopyAsync(TcpClient from, TcpClient to, bool isAnswer)
        {
            var buffer = new byte[1 << 16];
            while (await from.GetStream().ReadAsync(buffer, both.Token) is > 0 and var read)
            {
                // '2': bind complete, the answer to a statement that was prepared before; then its tag.
                var isAppended = isAnswer && buffer[0] == (byte)'2' && buffer.AsSpan(0, read).IndexOf("SELECT 1\0"u8) >= 0;
                if (isAppended && Interlocked.Exchange(ref _holdsFromAppend, 0) == 1)
                {
                    Holds = true;
                }

                while (Holds)
                {
                    await Task.Delay(10, both.Token);
                }

                if (isAppended && Interlocked.Decrement(ref _answersToLose) >= 0)
                {
                    return;
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), both.Token);
            }
        }
    }
}
