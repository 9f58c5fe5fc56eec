namespace RevenueAspire.Client.Sending;

/// <summary>Spreads lines evenly over time. For one thread.</summary>
/// <param name="linesPerSecond">At most so many; null for no limit.</param>
/// <param name="time">The clock.</param>
internal sealed class Pace(int? linesPerSecond, TimeProvider time)
{
    /// <summary>What a slow API held up is made up for later, but no more than this much of it: an API that comes back must not get all at once.</summary>
    private static readonly TimeSpan MadeUp = TimeSpan.FromMilliseconds(200);

    /// <summary>Timers are no finer: what is due within it goes at once, and the next wait is longer.</summary>
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(1);

    private readonly long _start = time.GetTimestamp();
    private TimeSpan _next;

    /// <summary>Waits for the moment of the next <paramref name="lines"/> lines.</summary>
    public async ValueTask WaitAsync(int lines, CancellationToken cancellationToken)
    {
        if (linesPerSecond is not { } rate)
        {
            return;
        }

        var now = time.GetElapsedTime(_start);
        if (_next < now - MadeUp)
        {
            _next = now - MadeUp;
        }

        var wait = _next - now;
        _next += TimeSpan.FromSeconds((double)lines / rate);
        if (wait > Grain)
        {
            await Task.Delay(wait, time, cancellationToken);
        }
    }
}
