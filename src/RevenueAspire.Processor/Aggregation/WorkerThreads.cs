using System.Runtime.ExceptionServices;

namespace RevenueAspire.Processor.Aggregation;

/// <summary>Runs a piece of work on several threads and waits for all of them.</summary>
/// <remarks>Uses dedicated threads, because pool threads serve the waits for Postgres. Starting the pool would also cost a short command some milliseconds more
/// than starting a thread.</remarks>
internal static class WorkerThreads
{
    /// <summary>Calls the work once for each number from 0 to <paramref name="count"/> - 1, number 0 on the caller's thread. Rethrows the first exception after
    /// all calls have ended.</summary>
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
