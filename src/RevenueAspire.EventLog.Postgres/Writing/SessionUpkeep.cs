using System.Diagnostics;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>What a session does besides commits: it notifies the processors, and shows that its process lives. Of the writer's thread.</summary>
internal sealed class SessionUpkeep(TimeSpan aliveInterval)
{
    /// <summary>Between two notifications of the processors at least.</summary>
    private static readonly TimeSpan NotifyInterval = TimeSpan.FromMilliseconds(10);

    private long _aliveAt;
    private long _notifiedAt;
    private bool _mustNotify;

    /// <summary>Time until <see cref="RunAsync"/> has something to do.</summary>
    public TimeSpan Due
    {
        get
        {
            var due = Left(_aliveAt, aliveInterval);
            return _mustNotify && Left(_notifiedAt, NotifyInterval) is var notify && notify < due ? notify : due;
        }
    }

    public void Begin()
    {
        _aliveAt = _notifiedAt = Stopwatch.GetTimestamp();
        _mustNotify = true;
    }

    /// <summary>A commit shows that the process lives, and is news for the processors.</summary>
    public void Committed(long started) => (_aliveAt, _mustNotify) = (started, true);

    /// <summary>Does what is due.</summary>
    /// <exception cref="LogClosedException">Another process has closed the log.</exception>
    public async Task RunAsync(LogSession session, CancellationToken stop)
    {
        if (_mustNotify && Left(_notifiedAt, NotifyInterval) <= TimeSpan.Zero)
        {
            (_mustNotify, _notifiedAt) = (false, Stopwatch.GetTimestamp());
            await session.NotifyAsync(stop).ConfigureAwait(false);
        }

        if (Left(_aliveAt, aliveInterval) <= TimeSpan.Zero)
        {
            _aliveAt = Stopwatch.GetTimestamp();
            if (!await session.StayAliveAsync(stop).ConfigureAwait(false))
            {
                throw new LogClosedException();
            }
        }
    }

    private static TimeSpan Left(long since, TimeSpan interval) => interval - Stopwatch.GetElapsedTime(since);
}
