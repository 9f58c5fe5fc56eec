using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>Which thread runs a request: a single event stays on the thread that waits for its socket, everything else goes to the thread pool.</summary>
/// <remarks>
/// The runtime hands each arrival to the thread pool, and with small requests that switch of threads costs more than the request. Without it the API had 0.70
/// instead of 0.63 of the rate of bare Kestrel at 64 connections, and 0.84 instead of 0.76 at 256 (docs/performance.md, "What made the difference"). A single
/// event occupies the thread for microseconds, until it is in the log's queue, and waits for nothing there. Two rules keep the other connections of that
/// thread alive:
/// <list type="number">
/// <item>Work that takes long or blocks moves to the pool first (<see cref="UseThreadPool"/>, <see cref="MoveToPoolAsync"/>).</item>
/// <item>A request that is answered without a wait completes on the pool, behind the work that waits there (<see cref="CompleteOnPoolAsync"/>). The server
/// handles the connection's next request where this one completed, so a few connections that send refused requests without a pause would keep all threads: an
/// event beside eight of them took up to 26 s on two cores, and takes 0.1 s.</item>
/// </list>
/// </remarks>
internal static class SocketThreads
{
    /// <summary>The runtime reads it when the first socket is used. It holds for all sockets of the process, those of the database driver too.</summary>
    private const string Setting = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Starts single events on the threads that wait for sockets, one per processor, unless the environment says otherwise. Call it before the first
    /// socket is used, and only in a process that runs nothing but the API.</summary>
    /// <remarks>With the log in Postgres nothing runs there, whatever the environment says: the log uses the driver's blocking calls, and a thread that waits
    /// for sockets would wait for itself.</remarks>
    public static void UseSocketThreads(this WebApplicationBuilder builder)
    {
        var isLogInFiles = LogEngines.Read(builder.Configuration) == LogEngine.File;
        if (!isLogInFiles || Environment.GetEnvironmentVariable(Setting) is null)
        {
            Environment.SetEnvironmentVariable(Setting, isLogInFiles ? "1" : "0");
        }
    }

    /// <summary>Moves the requests that reach this middleware to the thread pool, behind the work that waits there.</summary>
    public static WebApplication UseThreadPool(this WebApplication app)
    {
        app.Use(next => async context =>
        {
            await Task.Yield();
            await next(context);
        });
        return app;
    }

    /// <summary>Continues on the thread pool; at once, when this is one of its threads.</summary>
    public static ValueTask MoveToPoolAsync() => Thread.CurrentThread.IsThreadPoolThread ? default : new ValueTask(CompleteOnPoolAsync(Task.CompletedTask));

    /// <summary>Completes as the task does, but on the thread pool, behind the work that waits there.</summary>
    public static async Task CompleteOnPoolAsync(Task completed)
    {
        await Task.Yield();
        await completed;
    }
}
