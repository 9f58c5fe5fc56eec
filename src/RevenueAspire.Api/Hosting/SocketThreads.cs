using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Hosting;

/// <summary>Chooses the thread of a request: a single event stays on the thread that polls its socket, all other requests move to the thread pool.</summary>
/// <remarks>
/// By default, the runtime hands received data to the thread pool. For small requests, this thread switch costs more than the request. Without it, the API
/// reached 0.70 instead of 0.63 of bare Kestrel's rate at 64 connections, and 0.84 instead of 0.76 at 256 (see docs/performance.md). A single event takes
/// microseconds of the thread, until it is in the log's queue, and never blocks it. Two rules protect the other connections of that thread:
/// <list type="number">
/// <item>Work that takes long or blocks moves to the pool first (<see cref="UseThreadPool"/>, <see cref="MoveToPoolAsync"/>).</item>
/// <item>A request that is answered without a wait completes on the pool, after the work queued there (<see cref="CompleteOnPoolAsync"/>). The reason: the
/// server handles a connection's next request on the thread where the previous one completed. A few connections that send refused requests without a pause
/// would occupy all polling threads. With eight such connections on two cores, an event took up to 26 s without this rule, and takes 0.1 s with it.</item>
/// </list>
/// </remarks>
internal static class SocketThreads
{
    /// <summary>The runtime reads this variable at the first use of a socket. It applies to all sockets of the process, including those of the database
    /// driver.</summary>
    private const string Setting = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Runs single events on the threads that poll sockets, one per processor, unless the environment overrides this. Call it before the first use of
    /// a socket, and only in a process dedicated to the API.</summary>
    /// <remarks>With the log in Postgres all requests run on the pool, regardless of the environment. That log makes blocking database calls, and a thread that
    /// polls sockets would then wait for an answer that only it can receive.</remarks>
    public static void UseSocketThreads(this WebApplicationBuilder builder)
    {
        var isLogInFiles = LogEngines.Read(builder.Configuration) == LogEngine.File;
        if (!isLogInFiles || Environment.GetEnvironmentVariable(Setting) is null)
        {
            Environment.SetEnvironmentVariable(Setting, isLogInFiles ? "1" : "0");
        }
    }

    /// <summary>Middleware that moves requests to the thread pool, after the work queued there.</summary>
    public static void UseThreadPool(this WebApplication app)
    {
        app.Use(next => async context =>
        {
            await Task.Yield();
            await next(context);
        });
    }

    /// <summary>Continues on the thread pool; immediately if the caller already runs there.</summary>
    public static ValueTask MoveToPoolAsync() => Thread.CurrentThread.IsThreadPoolThread ? default : new ValueTask(CompleteOnPoolAsync(Task.CompletedTask));

    /// <summary>Completes with the task's result, but on the thread pool, after the work queued there.</summary>
    public static async Task CompleteOnPoolAsync(Task completed)
    {
        await Task.Yield();
        await completed;
    }
}
