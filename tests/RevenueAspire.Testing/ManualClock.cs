namespace RevenueAspire.Testing;

/// <summary>A monotonic clock under the test's control. Its timers are those of the system.</summary>
public sealed class ManualClock : TimeProvider
{
    public TimeSpan Now { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Now.Ticks;
}
