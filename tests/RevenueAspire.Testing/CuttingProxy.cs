using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Passes connections on to Postgres and cuts each at a random message: before it is passed on, or after the answer has come back, which is then thrown away.</summary>
/// <remarks>The second is the commit in doubt: done in the database, and never heard of by the client.</remarks>
public sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly IPEndPoint _server;
    private readonly Random _random;
    private readonly int _longest;
    private readonly Task _accepting;
    private int _cutsLeft;
    private int _lostAnswers;

    public CuttingProxy(string host, int port, Random random, int cuts, int longest = 12)
    {
        _longest = longest;
        _server = new IPEndPoint(IPAddress.TryParse(host, out var address) ? address : IPAddress.Loopback, port);
        (_random, _cutsLeft) = (random, cuts);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Cuts that are still to come; then everything passes.</summary>
    public int CutsLeft => Volatile.Read(ref _cutsLeft);

    /// <summary>Answers to prepared statements that said "committed" and were thrown away.</summary>
    public int LostAnswers => Volatile.Read(ref _lostAnswers);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);

                // Decided here, in order of the connections, so that a seed gives the same decisions.
                var (message, afterAnswer) = Interlocked.Decrement(ref _cutsLeft) >= 0 ? (_random.Next(2, _longest), _random.Next(2) == 0) : (int.MaxValue, false);
                _connections.Add(PassAsync(client, message, afterAnswer));
            }
        }
        catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PassAsync(TcpClient client, int cutAtMessage, bool afterAnswer)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(_server, both.Token);
                var cutting = false;
                var back = BackAsync();
                var buffer = new byte[1 << 16];
                for (var message = 1; await client.GetStream().ReadAsync(buffer, both.Token) is > 0 and var read; message++)
                {
                    if (message == cutAtMessage && !afterAnswer)
                    {
                        break;
                    }

                    Volatile.Write(ref cutting, message == cutAtMessage);
                    await server.GetStream().WriteAsync(buffer.AsMemory(0, read), both.Token);
                    if (message == cutAtMessage)
                    {
                        await back;
                        break;
                    }
                }

                await both.CancelAsync();

                async Task BackAsync()
                {
                    var answer = new byte[1 << 16];
                    while (await server.GetStream().ReadAsync(answer, both.Token) is > 0 and var read)
                    {
                        if (Volatile.Read(ref cutting))
                        {
                            // '2': bind complete, the answer to a statement that was prepared before; then its tag.
                            if (answer[0] == (byte)'2' && answer.AsSpan(0, read).IndexOf("SELECT 1\0"u8) >= 0)
                            {
                                Interlocked.Increment(ref _lostAnswers);
                            }

                            return;
                        }

                        await client.GetStream().WriteAsync(answer.AsMemory(0, read), both.Token);
                    }
                }
            }
            catch (Exception broken) when (broken is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
            }
        }
    }
}
