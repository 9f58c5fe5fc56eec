using System.Diagnostics;

namespace RevenueAspire.Processor.Applying;

/// <summary>Signals progress between the lanes of one process, and computes the pause of an idle lane. Thread-safe.</summary>
internal sealed class LaneProgress
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(500);

    /// <summary>Poll at 1/32 of the elapsed wait, so completion is noticed at most about 3 % late.</summary>
    private const int LatenessShare = 32;

    private int _working;
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes at the next <see cref="Signal"/>. Get it before reading the status, so that no progress is missed.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Wakes a waiting lane.</summary>
    public void Signal() =>
        Interlocked.Exchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>A lane starts to work on a range.</summary>
    public void BeginWork() => Interlocked.Increment(ref _working);

    /// <summary>A lane stops working on its range.</summary>
    public void EndWork()
    {
        if (Interlocked.Decrement(ref _working) == 0)
        {
            // From now on a waiting lane depends on other processes and must poll.
            Signal();
        }
    }

    /// <summary>The pause before the next status query. Lanes of one process signal their progress, so only one lane polls often, and only while it waits for
    /// other processes.</summary>
    /// <param name="isFirstLane">Whether this is the lane that polls.</param>
    /// <param name="waitingSince">Timestamp of the start of the wait.</param>
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
