using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace RevenueAspire.Api.Hosting;

/// <summary>Counts the connections of all listeners, and decides whether to accept another one. Thread-safe.</summary>
internal sealed partial class OpenConnections(ILogger<BoundedListener> logger)
{
    /// <summary>Descriptors that connections must leave free: the log opens up to five at once when a segment ends, and the runtime may still load
    /// assemblies.</summary>
    private const int ReservedDescriptors = 24;

    private static readonly long ReportMilliseconds = (long)TimeSpan.FromSeconds(10).TotalMilliseconds;

    private int _open;
    private long _reportedAt = long.MinValue / 2;

    /// <summary>Counts a new connection.</summary>
    /// <returns>False, without counting it, if too few descriptors would remain.</returns>
    /// <remarks>
    /// A new descriptor gets the lowest free number, so a new socket's number is the number of descriptors in use, including files. Besides the reserve, one
    /// descriptor per connection stays free, because a request opens at most one file or database session.
    /// </remarks>
    public bool TryAdd(Socket socket)
    {
        var open = Interlocked.Increment(ref _open);
        if (OperatingSystem.IsWindows() || socket.Handle < ProcessLimits.ReadDescriptors() - ReservedDescriptors - open)
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        return false;
    }

    public void Remove() => Interlocked.Decrement(ref _open);

    /// <summary>The outermost middleware of a connection, which uncounts it at its end.</summary>
    public ConnectionDelegate RemoveAfter(ConnectionDelegate next) => async connection =>
    {
        try
        {
            await next(connection);
        }
        finally
        {
            Remove();
        }
    };

    /// <summary>Logs a refused connection, at most one line per ten seconds.</summary>
    public void ReportRefused()
    {
        var (now, last) = (Environment.TickCount64, Interlocked.Read(ref _reportedAt));
        if (now - last >= ReportMilliseconds && Interlocked.CompareExchange(ref _reportedAt, now, last) == last)
        {
            LogRefused(Volatile.Read(ref _open), ProcessLimits.ReadDescriptors());
        }
    }

    [LoggerMessage(EventIds.ConnectionsRefused, LogLevel.Warning,
        "New connections are refused: {Open} are open, and the process may open {Limit} files and sockets. Raise the limit (ulimit -n).")]
    private partial void LogRefused(int open, long limit);
}
