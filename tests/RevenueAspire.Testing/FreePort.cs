using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.Testing;

/// <summary>Free ports on loopback. Thread-safe.</summary>
/// <remarks>
/// All ports are below the kernel's range for outgoing connections. Otherwise such a connection could take a port just before a test's service starts.
/// </remarks>
public static class FreePort
{
    private const int First = 10_000;
    private const int Count = 20_000;

    private static readonly Lock Gate = new();

    /// <summary>The next candidate. Test processes run in parallel, so each starts at a different number.</summary>
    private static int _next = Environment.ProcessId * 131 % Count;

    /// <summary>A port of 127.0.0.1 that was free a moment ago; this process gets each port only once.</summary>
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
