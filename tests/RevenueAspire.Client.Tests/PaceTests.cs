using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Tests;

/// <summary>The pace of <c>send --rate</c>, measured with a test clock.</summary>
public sealed class PaceTests
{
    [Theory]
    [InlineData(10, 1)]
    [InlineData(3000, 1)]
    [InlineData(100, 25)]
    public async Task A_rate_holds_on_average(int rate, int batch)
    {
        var clock = new JumpingClock();
        var pace = new Pace(rate, clock);

        for (var sent = 0; sent < 10 * rate; sent += batch)
        {
            await pace.WaitAsync(batch, CancellationToken.None);
        }

        // The total is slightly below 10 s, because the last lines are sent at the start of their interval.
        Assert.InRange(clock.Now.TotalSeconds, 10 - (2.0 * batch / rate) - 0.002, 10);
    }

    [Fact]
    public async Task Delayed_lines_are_not_sent_all_at_once()
    {
        var clock = new JumpingClock();
        var pace = new Pace(100, clock);
        await pace.WaitAsync(1, CancellationToken.None);
        clock.Now += TimeSpan.FromMinutes(1);
        var start = clock.Now;

        for (var sent = 0; sent < 1000; sent++)
        {
            await pace.WaitAsync(1, CancellationToken.None);
        }

        Assert.InRange((clock.Now - start).TotalSeconds, 9.7, 10);
    }

    [Fact]
    public async Task Without_a_rate_no_line_waits()
    {
        var clock = new JumpingClock();
        await new Pace(null, clock).WaitAsync(1_000_000, CancellationToken.None);

        Assert.Equal(TimeSpan.Zero, clock.Now);
    }

    /// <summary>A clock that moves only by jumping to the end of each wait.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Now += dueTime;
            return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
