using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.AppHost.Ports;

/// <summary>Finds a port in use before anything is started.</summary>
internal static class PortCheck
{
    /// <exception cref="StarterException">Somebody listens there; names who, where that can be known.</exception>
    public static void Require(int port, string service, string setting)
    {
        if (CanListen(IPAddress.Loopback, port) && CanListen(IPAddress.IPv6Loopback, port))
        {
            return;
        }

        var owner = PortOwner.Find(port) is { } found ? $" by {found}" : "";
        throw new StarterException($"Port {port}, where {service} is to listen, is in use{owner}. Stop that program, or choose another port with --{setting}=NUMBER.");
    }

    private static bool CanListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException exception)
        {
            // No IPv6 on this machine is no hindrance.
            return exception.SocketErrorCode != SocketError.AddressAlreadyInUse && exception.SocketErrorCode != SocketError.AccessDenied;
        }
    }
}
