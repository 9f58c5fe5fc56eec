using System.Net.Sockets;
using System.Text;

namespace RevenueAspire.Api.Tests.Support;

/// <summary>A connection for raw bytes.</summary>
internal sealed class RawConnection(TcpClient client) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly NetworkStream _stream = client.GetStream();

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes);

    /// <summary>Reads all bytes until the server closes the connection.</summary>
    public async Task<string> ReadToEndAsync()
    {
        using var reader = new StreamReader(_stream, Encoding.UTF8, leaveOpen: true);
        return await reader.ReadToEndAsync().WaitAsync(Limit);
    }

    /// <summary>Reads the next bytes, as text.</summary>
    public async Task<string> ReadSomeAsync()
    {
        var buffer = new byte[4096];
        var count = await _stream.ReadAsync(buffer).AsTask().WaitAsync(Limit);
        return Encoding.UTF8.GetString(buffer, 0, count);
    }

    public void Dispose() => client.Dispose();
}
