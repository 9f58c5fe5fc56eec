using System.Diagnostics;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres.Writing;

/// <summary>Work of a session between commits: notifying the processors, and renewing the process's sign of life. Used by the writer thread.</summary>
internal sealed class SessionUpkeep(TimeSpan aliveInterval)
{
    /// <summary>Minimum time between two notifications.</summary>
    private static readonly TimeSpan NotifyInterval = TimeSpan.FromMilliseconds(10);

    private long _aliveAt;
    private long _notifiedAt;
    private bool _mustNotify;

    /// <summary>Time until <see cref="RunAsync"/> is due.</summary>
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

    /// <summary>Records a commit: it renews the sign of life, and the processors must be notified.</summary>
    public void Committed(long started) => (_aliveAt, _mustNotify) = (started, true);

    /// <summary>Performs the due work.</summary>
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
