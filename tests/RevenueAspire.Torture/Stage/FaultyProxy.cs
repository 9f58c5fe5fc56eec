using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Torture.Stage;

/// <summary>What happens to the next messages of a proxy's connections.</summary>
internal enum Cut
{
    /// <summary>The request is passed on whole, the server answers, and the answer is thrown away with the connection: done, and never heard of.</summary>
    AfterAnswer,

    /// <summary>The request is passed on whole, and the connection is cut at once.</summary>
    AfterRequest,

    /// <summary>Half of the request is passed on, and the connection is cut.</summary>
    WithinRequest,
}

/// <summary>Passes TCP connections on to a local port, delays them, cuts them, or lets nobody in. Thread-safe.</summary>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly IPEndPoint[] _servers;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Connection, Task> _open = new();
    private readonly Task _accepting;
    private int _delayMilliseconds;
    private volatile bool _refuses;
    private int _next;
    private int _cutsLeft;
    private int _cutsDone;
    private Cut _cut;

    /// <param name="serverPorts">Of the servers, which get one connection after the other.</param>
    public FaultyProxy(params int[] serverPorts)
    {
        _servers = [.. serverPorts.Select(port => new IPEndPoint(IPAddress.Loopback, port))];
        _listener = new TcpListener(IPAddress.Loopback, 0);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections that were cut in the middle of a request, since the start.</summary>
    public int CutsDone => Volatile.Read(ref _cutsDone);

    /// <summary>Each message takes so much longer, in both directions.</summary>
    public void Delay(TimeSpan delay) => Volatile.Write(ref _delayMilliseconds, (int)delay.TotalMilliseconds);

    /// <summary>Cuts the connections of the next requests, a connection each.</summary>
    public void CutNext(Cut cut, int connections)
    {
        _cut = cut;
        Volatile.Write(ref _cutsLeft, connections);
    }

    /// <summary>Cuts every open connection.</summary>
    public void CutAll()
    {
        foreach (var connection in _open.Keys)
        {
            connection.Close();
        }
    }

    /// <summary>Cuts every open connection, and every new one until <see cref="Heal"/>.</summary>
    public void Refuse()
    {
        _refuses = true;
        CutAll();
    }

    /// <summary>Passes everything again.</summary>
    public void Heal()
    {
        _refuses = false;
        Volatile.Write(ref _cutsLeft, 0);
        Delay(TimeSpan.Zero);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        CutAll();
        await _accepting;
        await Task.WhenAll(_open.Values);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);

                // A pooler passes an answer on in pieces: each would wait 40 ms for the acknowledgement of the one before.
                client.NoDelay = true;
                var connection = new Connection(client);
                if (_refuses)
                {
                    connection.Close();
                    continue;
                }

                var passing = PassAsync(connection);
                _open[connection] = passing;
                _ = passing.ContinueWith(_ => _open.TryRemove(connection, out Task? _), TaskScheduler.Default);
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
            {
            }
        }
    }

    private async Task PassAsync(Connection connection)
    {
        using (connection)
        {
            try
            {
                await connection.Server.ConnectAsync(_servers[(uint)Interlocked.Increment(ref _next) % _servers.Length], _stop.Token);
                await Task.WhenAny(PassRequestsAsync(connection), PassAnswersAsync(connection));
            }
            catch (Exception broken) when (IsBroken(broken))
            {
            }
        }
    }

    private async Task PassRequestsAsync(Connection connection)
    {
        var (client, server) = (connection.Client.GetStream(), connection.Server.GetStream());
        var buffer = new byte[1 << 16];
        try
        {
            while (await client.ReadAsync(buffer, _stop.Token) is > 0 and var read)
            {
                await DelayAsync();
                var cut = Volatile.Read(ref _cutsLeft) > 0 && Interlocked.Decrement(ref _cutsLeft) >= 0 ? _cut : (Cut?)null;
                connection.LosesAnswer = cut == Cut.AfterAnswer;
                await server.WriteAsync(buffer.AsMemory(0, cut == Cut.WithinRequest ? (read + 1) / 2 : read), _stop.Token);
                if (cut is Cut.AfterRequest or Cut.WithinRequest)
                {
                    Interlocked.Increment(ref _cutsDone);
                    return;
                }
            }
        }
        catch (Exception broken) when (IsBroken(broken))
        {
        }
    }

    private async Task PassAnswersAsync(Connection connection)
    {
        var (client, server) = (connection.Client.GetStream(), connection.Server.GetStream());
        var buffer = new byte[1 << 16];
        try
        {
            while (await server.ReadAsync(buffer, _stop.Token) is > 0 and var read)
            {
                if (connection.LosesAnswer)
                {
                    Interlocked.Increment(ref _cutsDone);
                    return;
                }

                await DelayAsync();
                await client.WriteAsync(buffer.AsMemory(0, read), _stop.Token);
            }
        }
        catch (Exception broken) when (IsBroken(broken))
        {
        }
    }

    private Task DelayAsync() => Volatile.Read(ref _delayMilliseconds) is > 0 and var delay ? Task.Delay(delay, _stop.Token) : Task.CompletedTask;

    private static bool IsBroken(Exception exception) => exception is OperationCanceledException or IOException or SocketException or ObjectDisposedException or InvalidOperationException;

    private sealed class Connection(TcpClient client) : IDisposable
    {
        private volatile bool _losesAnswer;

        public TcpClient Client { get; } = client;

        public TcpClient Server { get; } = new() { NoDelay = true };

        public bool LosesAnswer
        {
            get => _losesAnswer;
            set => _losesAnswer = value;
        }

        /// <summary>Resets it: what was not passed on is lost.</summary>
        public void Close()
        {
            // Either may have ended by itself meanwhile.
            Client.Client?.Close(0);
            Server.Client?.Close(0);
        }

        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
