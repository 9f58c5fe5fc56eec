using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RevenueAspire.Testing;

/// <summary>The admin console of a PgBouncer. It accepts only simple queries, which Npgsql never sends. Stateless.</summary>
/// <remarks>Protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html.</remarks>
internal static class PgBouncerConsole
{
    private const int HeaderBytes = 5;

    /// <summary>Runs one command on a separate connection, and waits until the pooler has completed it.</summary>
    /// <param name="port">The pooler's port.</param>
    /// <param name="command">A console command, for example <c>RELOAD</c>.</param>
    /// <param name="cancellationToken">Closes the connection, which ends a waiting <c>PAUSE</c>.</param>
    /// <exception cref="IOException">The pooler does not answer, or refuses the command.</exception>
    public static async Task ExecuteAsync(int port, string command, CancellationToken cancellationToken)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            var stream = client.GetStream();

            // Protocol 3.0, user and the console's database.
            await WriteAsync(stream, null, "\0\u0003\0\0user\0postgres\0database\0pgbouncer\0\0", cancellationToken);
            await ReadUntilReadyAsync(stream, cancellationToken);
            await WriteAsync(stream, 'Q', command + "\0", cancellationToken);
            await ReadUntilReadyAsync(stream, cancellationToken);
        }
        catch (SocketException unavailable)
        {
            throw new IOException(unavailable.Message, unavailable);
        }
    }

    /// <summary>Writes a message: its type (the first message has none), its length including the length field, and its text.</summary>
    private static async Task WriteAsync(NetworkStream stream, char? type, string text, CancellationToken cancellationToken)
    {
        var message = new byte[HeaderBytes + text.Length];
        message[0] = (byte)type.GetValueOrDefault();
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 1);
        Encoding.ASCII.GetBytes(text, message.AsSpan(HeaderBytes));
        await stream.WriteAsync(message.AsMemory(type is null ? 1 : 0), cancellationToken);
    }

    private static async Task ReadUntilReadyAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderBytes];
        do
        {
            await stream.ReadExactlyAsync(header, cancellationToken);
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - sizeof(int)];
            await stream.ReadExactlyAsync(body, cancellationToken);
            if (header[0] == 'E')
            {
                throw new IOException($"The pooler refused: {Encoding.UTF8.GetString(body).Replace('\0', ' ')}");
            }
        }
        while (header[0] != 'Z');
    }
}
