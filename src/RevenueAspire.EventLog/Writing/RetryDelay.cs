namespace RevenueAspire.EventLog.Writing;

/// <summary>Delay before the next recovery attempt: none at first, then 50 ms, doubling up to 2 s.</summary>
internal sealed class RetryDelay
{
    /// <summary>Maximum delay between two attempts.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);
    private TimeSpan _delay;
    private long _dueMilliseconds;

    /// <summary>Time until the next attempt; zero or less if it is due.</summary>
    public TimeSpan Remaining => TimeSpan.FromMilliseconds(_dueMilliseconds - Environment.TickCount64);

    public void Reset()
    {
        _delay = TimeSpan.Zero;
        _dueMilliseconds = Environment.TickCount64;
    }

    public void Next()
    {
        _delay = _delay == TimeSpan.Zero ? First : TimeSpan.FromTicks(Math.Min(2 * _delay.Ticks, Longest.Ticks));
        _dueMilliseconds = Environment.TickCount64 + (long)_delay.TotalMilliseconds;
    }
}
