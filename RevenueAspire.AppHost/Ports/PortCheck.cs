using System.Net;
using System.Net.Sockets;

namespace RevenueAspire.AppHost.Ports;

/// <summary>Finds a port in use before a service starts.</summary>
internal static class PortCheck
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Maximum wait for services of a killed AppHost, which are still stopping. A processor may take 10 s, and all take longer on a busy
    /// machine.</summary>
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

    /// <summary>Waits until the process has ended. Waiting for its port is not enough, because it closes the log after the port.</summary>
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
            // A zombie has no command line: it has ended, but its parent has not collected its exit status.
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
