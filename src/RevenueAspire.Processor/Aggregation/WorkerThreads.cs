using System.Runtime.ExceptionServices;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Runs a piece of work on several threads and waits for all of them.</summary>
/// <remarks>Separate threads: the pool's threads serve the waits for Postgres, and starting the pool costs a short command milliseconds that a thread does
/// not.</remarks>
internal static class WorkerThreads
{
    /// <summary>Calls the work once for each number below <paramref name="count"/>, number 0 on the caller's thread. The first exception is thrown again when
    /// all have ended.</summary>
    public static void Run(int count, Action<int> work)
    {
        ExceptionDispatchInfo? failure = null;
        void Guarded(int number)
        {
            try
            {
                work(number);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(exception), null);
            }
        }

        var helpers = new Thread[count - 1];
        for (var number = 1; number < count; number++)
        {
            var mine = number;
            helpers[number - 1] = new Thread(() => Guarded(mine)) { IsBackground = true, Name = "aggregate" };
            helpers[number - 1].Start();
        }

        Guarded(0);
        foreach (var helper in helpers)
        {
            helper.Join();
        }

        failure?.Throw();
    }
}
