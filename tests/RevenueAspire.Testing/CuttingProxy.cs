using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Passes connections on to Postgres and cuts each at a random message: before it is passed on, or after the answer has come back, which is then thrown away.</summary>
/// <remarks>The second is the commit in doubt: done in the database, and never heard of by the client.</remarks>
public sealed class CuttingProxy : PostgresProxy
{
    private readonly Random _random;
    private readonly int _longest;
    private int _cutsLeft;
    private int _lostAnswers;

    public CuttingProxy(string host, int port, Random random, int cuts, int longest = 12)
        : base(host, port)
    {
        (_random, _cutsLeft, _longest) = (random, cuts, longest);
        Accept();
    }

    /// <summary>Cuts that are still to come; then everything passes.</summary>
    public int CutsLeft => Volatile.Read(ref _cutsLeft);

    /// <summary>Answers to prepared statements that said "committed" and were thrown away.</summary>
    public int LostAnswers => Volatile.Read(ref _lostAnswers);

    /// <inheritdoc/>
    private protected override Func<TcpClient, TcpClient, CancellationTokenSource, Task> Next()
    {
        // Decided here, in order of the connections, so that a seed gives the same decisions.
        var (message, afterAnswer) = Interlocked.Decrement(ref _cutsLeft) >= 0 ? (_random.Next(2, _longest), _random.Next(2) == 0) : (int.MaxValue, false);
        return (client, server, both) => PassAsync(client, server, both, message, afterAnswer);
    }

    private async Task PassAsync(TcpClient client, TcpClient server, CancellationTokenSource both, int cutAtMessage, bool afterAnswer)
    {
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

        async Task BackAsync()
        {
            var answer = new byte[1 << 16];
            while (await server.GetStream().ReadAsync(answer, both.Token) is > 0 and var read)
            {
                if (Volatile.Read(ref cutting))
                {
                    if (IsCommitted(answer.AsSpan(0, read)))
                    {
                        Interlocked.Increment(ref _lostAnswers);
                    }

                    return;
                }

                await client.GetStream().WriteAsync(answer.AsMemory(0, read), both.Token);
            }
        }
    }
}
