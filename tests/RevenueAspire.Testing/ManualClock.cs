namespace RevenueAspire.Testing;

/// <summary>A monotonic clock that the test moves. Its timers are the system's.</summary>
public sealed class ManualClock : TimeProvider
{
    public TimeSpan Now { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Now.Ticks;
}
