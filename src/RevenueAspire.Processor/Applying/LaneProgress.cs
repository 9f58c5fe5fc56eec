using System.Diagnostics;

namespace RevenueAspire.Processor.Applying;

/// <summary>The progress that the lanes of one process signal to each other, and the pause of a lane without work. Thread-safe.</summary>
internal sealed class LaneProgress
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(500);

    /// <summary>Poll at 1/32 of the elapsed wait, so completion is noticed at most about 3 % late, and ever fewer times.</summary>
    private const int LatenessShare = 32;

    private int _working;
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the next <see cref="Signal"/>. Take it before the status is read: progress in between is then not missed.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Wakes a waiting lane.</summary>
    public void Signal() =>
        Interlocked.Exchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>A lane has a range.</summary>
    public void BeginWork() => Interlocked.Increment(ref _working);

    /// <summary>A lane has finished with its range.</summary>
    public void EndWork()
    {
        if (Interlocked.Decrement(ref _working) == 0)
        {
            // From now on a waiting lane waits for other processes, and has to poll.
            Signal();
        }
    }

    /// <summary>The pause before the next read of the status. Lanes of one process signal their progress, so only one lane polls often, and only while it waits
    /// for other processes.</summary>
    /// <param name="isFirstLane">Whether the lane is the one that polls.</param>
    /// <param name="waitingSince">Time stamp of the beginning of its wait.</param>
    public TimeSpan Pause(bool isFirstLane, long waitingSince)
    {
        if (!isFirstLane || Volatile.Read(ref _working) > 0)
        {
            return LongestWait;
        }

        var share = Stopwatch.GetElapsedTime(waitingSince) / LatenessShare;
        return share < ShortestWait ? ShortestWait : share < LongestWait ? share : LongestWait;
    }
}
