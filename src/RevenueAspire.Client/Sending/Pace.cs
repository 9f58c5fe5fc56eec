namespace RevenueAspire.Client.Sending;

/// <summary>Spreads lines evenly over time. For one thread.</summary>
/// <param name="linesPerSecond">The limit; null for no limit.</param>
/// <param name="time">The clock.</param>
internal sealed class Pace(int? linesPerSecond, TimeProvider time)
{
    /// <summary>After a slow phase of the API, the run catches up at most this much time, so that it does not flood a recovering API.</summary>
    private static readonly TimeSpan MadeUp = TimeSpan.FromMilliseconds(200);

    /// <summary>The resolution of timers. A shorter wait is skipped, and extends the next one.</summary>
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(1);

    private readonly long _start = time.GetTimestamp();
    private TimeSpan _next;

    /// <summary>Waits until the next <paramref name="lines"/> lines are due.</summary>
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
