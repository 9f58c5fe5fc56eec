using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace RevenueAspire.Testing;

/// <summary>The moment at which a proxy cuts a connection.</summary>
public enum Cut
{
    /// <summary>The server receives nothing of the request.</summary>
    BeforeRequest,

    /// <summary>The server receives half of the request.</summary>
    WithinRequest,

    /// <summary>The server receives the request, and the proxy cuts the connection immediately afterwards.</summary>
    AfterRequest,

    /// <summary>The server answers, but the proxy drops the answer. The request was executed, but the client cannot know this.</summary>
    AfterAnswer,
}

/// <summary>
/// Relays TCP connections to local servers, and cuts, delays, holds or refuses them on request. Treats the bytes of one read as one request or answer. Disposal
/// ends all connections. Thread-safe.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private static readonly TimeSpan HoldPause = TimeSpan.FromMilliseconds(10);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Connection, Task> _open = new();
    private readonly IPEndPoint[] _servers;
    private readonly Task _accepting;
    private volatile bool _refuses;
    private volatile bool _holds;
    private int _holdsFromAppend;
    private int _delayMilliseconds;
    private int _next;
    private Cut _cut;
    private int _requestsToCut;
    private int _cutsDone;
    private Random? _random;
    private int _longest;
    private int _connectionsToCut;
    private int _answersToLose;
    private int _lostAnswers;

    /// <param name="serverPorts">Ports on 127.0.0.1; each connection goes to the next of them.</param>
    public FaultProxy(params int[] serverPorts)
        : this([.. serverPorts.Select(port => new IPEndPoint(IPAddress.Loopback, port))])
    {
    }

    /// <param name="connectionString">Connection string of a Postgres server on this machine.</param>
    public FaultProxy(string connectionString)
        : this([EndPoint(new NpgsqlConnectionStringBuilder(connectionString))])
    {
    }

    private FaultProxy(IPEndPoint[] servers)
    {
        _servers = servers;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The proxy's port on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Number of connections that the proxy has cut at a request or its answer.</summary>
    public int CutsDone => Volatile.Read(ref _cutsDone);

    /// <summary>Number of connections that <see cref="CutRandomly"/> will still cut; 0 or less for none.</summary>
    public int CutsLeft => Volatile.Read(ref _connectionsToCut);

    /// <summary>Number of dropped answers that confirmed an append or a merge.</summary>
    public int LostAnswers => Volatile.Read(ref _lostAnswers);

    /// <summary>Number of answers to appends and merges that the proxy will still drop, together with their connections.</summary>
    public int AnswersToLose
    {
        get => Volatile.Read(ref _answersToLose);
        set => Volatile.Write(ref _answersToLose, value);
    }

    /// <summary>Whether the proxy holds back all data in both directions, but keeps connections open.</summary>
    public bool Holds
    {
        get => _holds;
        set => _holds = value;
    }

    /// <summary>A connection string to the same database through this proxy.</summary>
    public string Through(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Host = "127.0.0.1", Port = Port }.ConnectionString;

    /// <summary>Holds back all data, from the answer to the next append or merge on.</summary>
    public void HoldFromNextAppend() => Interlocked.Exchange(ref _holdsFromAppend, 1);

    /// <summary>Delays each message in both directions.</summary>
    public void Delay(TimeSpan delay) => Volatile.Write(ref _delayMilliseconds, (int)delay.TotalMilliseconds);

    /// <summary>Cuts the connections of the next requests.</summary>
    public void CutNext(Cut cut, int requests)
    {
        _cut = cut;
        Volatile.Write(ref _requestsToCut, requests);
    }

    /// <summary>
    /// Cuts the next connections, each at a random request: before the server receives it, or after the answer. Call this before the first connection.
    /// </summary>
    /// <param name="random">Decides in connection order, so a seed repeats the choices.</param>
    /// <param name="connections">Number of connections to cut.</param>
    /// <param name="longest">Upper limit (exclusive) of the request's number, which is at least 2.</param>
    public void CutRandomly(Random random, int connections, int longest = 12)
    {
        (_random, _longest) = (random, longest);
        Volatile.Write(ref _connectionsToCut, connections);
    }

    /// <summary>Resets every open connection.</summary>
    public void CutAll()
    {
        foreach (var connection in _open.Keys)
        {
            connection.Reset();
        }
    }

    /// <summary>Resets every open connection, and every new one until <see cref="Heal"/>.</summary>
    public void Refuse()
    {
        _refuses = true;
        CutAll();
    }

    /// <summary>Ends all faults; the proxy relays everything again.</summary>
    public void Heal()
    {
        _refuses = false;
        Volatile.Write(ref _requestsToCut, 0);
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

    private static IPEndPoint EndPoint(NpgsqlConnectionStringBuilder server) =>
        new(IPAddress.TryParse(server.Host, out var address) ? address : IPAddress.Loopback, server.Port);

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var connection = new Connection(await _listener.AcceptTcpClientAsync(_stop.Token));
                if (_refuses)
                {
                    connection.Reset();
                    continue;
                }

                if (Take(ref _connectionsToCut))
                {
                    connection.CutAt = (_random!.Next(2, _longest), _random.Next(2) == 0 ? Cut.AfterAnswer : Cut.BeforeRequest);
                }

                var relaying = RelayAsync(connection);
                _open[connection] = relaying;
                _ = relaying.ContinueWith(_ => _open.TryRemove(connection, out Task? _), TaskScheduler.Default);
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
            {
            }
        }
    }

    private async Task RelayAsync(Connection connection)
    {
        using (connection)
        {
            try
            {
                await connection.Server.ConnectAsync(_servers[(uint)Interlocked.Increment(ref _next) % _servers.Length], _stop.Token);
                await Task.WhenAny(RelayRequestsAsync(connection), RelayAnswersAsync(connection));
            }
            catch (Exception broken) when (
                broken is OperationCanceledException or IOException or SocketException or ObjectDisposedException or InvalidOperationException)
            {
            }
        }
    }

    private async Task RelayRequestsAsync(Connection connection)
    {
        var (client, server) = (connection.Client.GetStream(), connection.Server.GetStream());
        var buffer = new byte[1 << 16];
        for (var number = 1; await client.ReadAsync(buffer, _stop.Token) is > 0 and var read; number++)
        {
            await HoldUpAsync();
            Cut? cut = number == connection.CutAt.Request ? connection.CutAt.Cut : Take(ref _requestsToCut) ? _cut : null;
            connection.LosesAnswer |= cut == Cut.AfterAnswer;
            var passed = cut switch { Cut.BeforeRequest => 0, Cut.WithinRequest => (read + 1) / 2, _ => read };
            await server.WriteAsync(buffer.AsMemory(0, passed), _stop.Token);
            if (cut is not (null or Cut.AfterAnswer))
            {
                Interlocked.Increment(ref _cutsDone);
                return;
            }
        }
    }

    private async Task RelayAnswersAsync(Connection connection)
    {
        var (client, server) = (connection.Client.GetStream(), connection.Server.GetStream());
        var buffer = new byte[1 << 16];
        while (await server.ReadAsync(buffer, _stop.Token) is > 0 and var read)
        {
            var isAppended = IsAppended(buffer.AsSpan(0, read));
            if (isAppended && Interlocked.Exchange(ref _holdsFromAppend, 0) == 1)
            {
                Holds = true;
            }

            await HoldUpAsync();
            if (connection.LosesAnswer || (isAppended && Take(ref _answersToLose)))
            {
                Interlocked.Increment(ref _cutsDone);
                Interlocked.Add(ref _lostAnswers, isAppended ? 1 : 0);
                return;
            }

            await client.WriteAsync(buffer.AsMemory(0, read), _stop.Token);
        }
    }

    private async Task HoldUpAsync()
    {
        await Task.Delay(Volatile.Read(ref _delayMilliseconds), _stop.Token);
        while (Holds)
        {
            await Task.Delay(HoldPause, _stop.Token);
        }
    }

    /// <summary>Whether a Postgres answer confirms an append or a merge: bind complete ('2') for a prepared statement, then the statement's tag.</summary>
    private static bool IsAppended(ReadOnlySpan<byte> answer) => answer[0] == (byte)'2' && answer.IndexOf("SELECT 1\0"u8) >= 0;

    private static bool Take(ref int left) => Volatile.Read(ref left) > 0 && Interlocked.Decrement(ref left) >= 0;

    private sealed class Connection : IDisposable
    {
        private volatile bool _losesAnswer;

        public Connection(TcpClient client)
        {
            // A pooler forwards an answer in pieces. With Nagle's algorithm, each piece would wait 40 ms for the acknowledgement of the previous one.
            client.NoDelay = true;
            Client = client;
        }

        public TcpClient Client { get; }

        public TcpClient Server { get; } = new() { NoDelay = true };

        public (int Request, Cut Cut) CutAt { get; set; }

        public bool LosesAnswer
        {
            get => _losesAnswer;
            set => _losesAnswer = value;
        }

        /// <summary>Resets both connections and drops pending data. Either end may already be closed.</summary>
        public void Reset()
        {
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
