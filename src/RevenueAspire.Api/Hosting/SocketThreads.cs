namespace RevenueAspire.Api.Hosting;

/// <summary>The threads that wait for sockets, and what may run on them: a single event from its arrival until it is queued for the log, which is microseconds and waits for nothing.</summary>
/// <remarks>
/// By itself the runtime hands each arrival to the thread pool, and with small requests that switch of threads costs more than the request. What may take long or block must leave
/// (<see cref="LeaveAsync"/>): whoever stays holds up all connections of that thread. And whatever is answered without a wait must queue up behind the others (<see cref="UseTurns"/>,
/// <see cref="EndTurnAsync"/>): the server goes on with a connection's next request where the last one ended, and a few connections that send without a pause would keep all threads for themselves.
/// </remarks>
internal static class SocketThreads
{
    /// <summary>The runtime's own setting, read when the first socket is used. It holds for all sockets of the process, those of the database driver too.</summary>
    private const string Setting = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Lets requests begin on the threads that wait for sockets, as many as there are processors. To be called before the first socket is used; what the environment says already stays.</summary>
    public static void Use()
    {
        if (Environment.GetEnvironmentVariable(Setting) is null)
        {
            Environment.SetEnvironmentVariable(Setting, "1");
        }
    }

    /// <summary>Lets nothing run there, whatever the environment says. To be called before the first socket is used.</summary>
    public static void Avoid() => Environment.SetEnvironmentVariable(Setting, "0");

    /// <summary>Goes on on the thread pool; at once, when this is one of its threads.</summary>
    public static ValueTask LeaveAsync() => Thread.CurrentThread.IsThreadPoolThread ? default : new ValueTask(EndTurnAsync(Task.CompletedTask));

    /// <summary>Completes as the task does, but on the thread pool, behind what waits there already.</summary>
    public static async Task EndTurnAsync(Task completed)
    {
        await Task.Yield();
        await completed;
    }

    /// <summary>Requests that get as far as this in the pipeline go on on the thread pool, behind what waits there already.</summary>
    public static WebApplication UseTurns(this WebApplication app)
    {
        app.Use(next => async context =>
        {
            await Task.Yield();
            await next(context);
        });
        return app;
    }
}
