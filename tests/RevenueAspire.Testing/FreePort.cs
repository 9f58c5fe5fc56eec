using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Ports that nothing listens on. Thread-safe.</summary>
/// <remarks>Below the range from which the kernel takes ports for outgoing connections: such a connection may have a port in the moment in which a test's
/// service starts.</remarks>
public static class FreePort
{
    private const int First = 10_000;
    private const int Count = 20_000;

    private static readonly Lock Gate = new();

    /// <summary>Test processes run side by side: each begins at another place.</summary>
    private static int _next = Environment.ProcessId * 131 % Count;

    /// <summary>A port of 127.0.0.1 that was free a moment ago, and that this process was not given before.</summary>
    public static int Next()
    {
        lock (Gate)
        {
            while (true)
            {
                var port = First + _next;
                _next = (_next + 1) % Count;
                if (IsFree(port))
                {
                    return port;
                }
            }
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
