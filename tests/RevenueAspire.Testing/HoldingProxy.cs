using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Passes connections on to Postgres; on request it loses the answer to the next append, or holds everything up without breaking a connection.</summary>
public sealed class HoldingProxy : PostgresProxy
{
    private int _answersToLose;
    private bool _holds;
    private int _holdsFromAppend;

    public HoldingProxy(string host, int port)
        : base(host, port) => Accept();

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

    /// <inheritdoc/>
    private protected override Func<TcpClient, TcpClient, CancellationTokenSource, Task> Next() => (client, server, both) =>
        Task.WhenAny(CopyAsync(client, server, isAnswer: false, both.Token), CopyAsync(server, client, isAnswer: true, both.Token));

    private async Task CopyAsync(TcpClient from, TcpClient to, bool isAnswer, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 16];
        while (await from.GetStream().ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            var isAppended = isAnswer && IsCommitted(buffer.AsSpan(0, read));
            if (isAppended && Interlocked.Exchange(ref _holdsFromAppend, 0) == 1)
            {
                Holds = true;
            }

            while (Holds)
            {
                await Task.Delay(10, cancellationToken);
            }

            if (isAppended && Interlocked.Decrement(ref _answersToLose) >= 0)
            {
                return;
            }

            await to.GetStream().WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }
    }
}
