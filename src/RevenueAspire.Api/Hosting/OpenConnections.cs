using System.Net.Sockets;

namespace RevenueAspire.Api.Hosting;

/// <summary>Counts the connections of all listeners, and decides whether another one may be opened. Thread-safe.</summary>
internal sealed partial class OpenConnections(ILogger logger)
{
    /// <summary>Descriptors that no connection gets: the log opens up to five at once when a segment ends, and the runtime opens the assemblies that it has
    /// not needed yet.</summary>
    private const int ReservedDescriptors = 24;

    private static readonly long ReportMilliseconds = (long)TimeSpan.FromSeconds(10).TotalMilliseconds;

    private int _open;
    private long _reportedAt = long.MinValue / 2;

    /// <summary>Counts a new connection.</summary>
    /// <returns>False, without counting it, when too few descriptors would be left.</returns>
    /// <remarks>
    /// A new descriptor has the lowest number that is free, so everything below the number of a new socket is in use. Whatever else the process has open is
    /// counted that way too. Beside the reserve, one descriptor per connection stays free: a request opens at most one file or one session of the database.
    /// </remarks>
    public bool TryAdd(Socket socket)
    {
        var open = Interlocked.Increment(ref _open);
        if (OperatingSystem.IsWindows() || socket.Handle < DescriptorLimit.Read() - ReservedDescriptors - open)
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        return false;
    }

    /// <summary>A counted connection has closed its socket.</summary>
    public void Remove() => Interlocked.Decrement(ref _open);

    /// <summary>Logs that a connection was refused, at most one line per ten seconds.</summary>
    public void ReportRefused()
    {
        var (now, last) = (Environment.TickCount64, Interlocked.Read(ref _reportedAt));
        if (now - last >= ReportMilliseconds && Interlocked.CompareExchange(ref _reportedAt, now, last) == last)
        {
            LogRefused(Volatile.Read(ref _open), DescriptorLimit.Read());
        }
    }

    [LoggerMessage(EventIds.ConnectionsRefused, LogLevel.Warning,
        "New connections are refused: {Open} are open, and the process may have {Limit} files and sockets open. Raise that limit (ulimit -n).")]
    private partial void LogRefused(int open, long limit);
}
