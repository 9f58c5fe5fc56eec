using System.Collections.Concurrent;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Tests.Aggregation;

public sealed class WorkerThreadsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Each_number_runs_once_and_number_0_on_the_callers_thread(int count)
    {
        var threads = new ConcurrentDictionary<int, int>();
        WorkerThreads.Run(count, number => Assert.True(threads.TryAdd(number, Environment.CurrentManagedThreadId)));
        Assert.Equal(Enumerable.Range(0, count), threads.Keys.Order());
        Assert.Equal(Environment.CurrentManagedThreadId, threads[0]);
        Assert.Equal(count, threads.Values.Distinct().Count());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void An_exception_is_thrown_after_all_threads_have_ended(int failing)
    {
        var ended = 0;
        var thrown = Assert.Throws<SourceStoppedException>(() => WorkerThreads.Run(3, number =>
        {
            if (number == failing)
            {
                throw new SourceStoppedException("gone");
            }

            Thread.Sleep(20);
            Interlocked.Increment(ref ended);
        }));
        Assert.Equal("gone", thrown.Message);
        Assert.Equal(2, ended);
    }
}
