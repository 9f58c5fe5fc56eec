using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.AppHost.Ports;

/// <summary>Finds a port in use before a service starts.</summary>
internal static class PortCheck
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>After a kill of the AppHost, its services stop too. A processor may take 10 s, and on a busy machine each takes longer.</summary>
    private static readonly TimeSpan PatienceWithOurs = TimeSpan.FromSeconds(25);

    /// <summary>One line if the port is in use, with its owner if known and the remedy; null if the port is free.</summary>
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

        var usedBy = owner is null ? "" : $" by process {owner.ProcessId} ({owner.Command})";
        return $"Port {port} of {service} is in use{usedBy}. Stop that program, or choose another port with --{setting}=NUMBER.";
    }

    /// <summary>Waits for the process to end, not for its port: it closes the log only after it has closed the port.</summary>
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
            // A process that has ended has no command line until its parent collects its exit status.
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
            // This machine has no IPv6, which is fine.
            return exception.SocketErrorCode != SocketError.AddressAlreadyInUse && exception.SocketErrorCode != SocketError.AccessDenied;
        }
    }
}
