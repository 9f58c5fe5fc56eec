using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.AppHost.Ports;

/// <summary>Finds a port in use before anything is started.</summary>
internal static class PortCheck
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>The services of an AppHost that was killed stop too. A processor may take 10 s for it, and on a busy machine each takes longer.</summary>
    private static readonly TimeSpan PatienceWithOurs = TimeSpan.FromSeconds(25);

    /// <summary>One line when somebody listens there, with who where that can be known and what to do; null when the port is free.</summary>
    public static async Task<string?> ProblemAsync(int port, string service, string setting, CancellationToken cancellationToken)
    {
        if (IsFree(port))
        {
            return null;
        }

        var owner = PortOwner.Find(port);
        if (owner is { IsOurs: true } && await EndsAsync(owner.ProcessId, cancellationToken) && IsFree(port))
        {
            return null;
        }

        var who = owner is null ? "" : $" by process {owner.ProcessId} ({owner.Command})";
        return $"Port {port}, where {service} is to listen, is in use{who}. Stop that program, or choose another port with --{setting}=NUMBER.";
    }

    /// <summary>Waits for the process, not for its port: it closes the log only after that.</summary>
    private static async Task<bool> EndsAsync(int processId, CancellationToken cancellationToken)
    {
        for (var deadline = DateTime.UtcNow + PatienceWithOurs; DateTime.UtcNow < deadline; await Task.Delay(Interval, cancellationToken))
        {
            if (HasEnded(processId))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasEnded(int processId)
    {
        try
        {
            // One that has ended, and whose new parent has not looked yet, has no command line any more.
            return File.ReadAllText($"/proc/{processId}/cmdline").Length == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static bool IsFree(int port) => CanListen(IPAddress.Loopback, port) && CanListen(IPAddress.IPv6Loopback, port);

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
