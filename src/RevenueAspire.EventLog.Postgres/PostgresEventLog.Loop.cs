using System.Diagnostics;
using RevenueAspire.EventLog.Postgres.Writing;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Postgres;

/// <content>What the loop does: open, commit, acknowledge, fail, read back.</content>
public sealed partial class PostgresEventLog
{
    /// <summary>How long a stop waits for a database that is away, before what is in doubt is answered so.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long an append in doubt waits for the next session to read it back. Its caller then gets the answer that the outcome is not known, long before clients stop waiting.</summary>
    private static readonly TimeSpan DoubtPatience = TimeSpan.FromSeconds(3);

    private readonly TimeSpan _aliveInterval;
    private readonly TimeSpan _doubtPatience;

    /// <summary>Between two notifications: a processor is told within this time, and not more often.</summary>
    private static readonly TimeSpan NotifyInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>A row of a key that another process wrote and took back comes to rest soon.</summary>
    private const int MaxKeyRounds = 20;

    private long _aliveAt;
    private long _notifiedAt;
    private long _memoryAt;
    private bool _mustNotify;

    /// <summary>Where the commit that is in doubt would end; null when none is.</summary>
    private long? _doubtfulEnd;
    private long _doubtfulSince;

    private async Task RunAsync()
    {
        while (true)
        {
            try
            {
                if (_session is null && !await TryOpenAsync().ConfigureAwait(false))
                {
                    break;
                }

                if (_taken.Count == 0 && !await TakeAsync().ConfigureAwait(false))
                {
                    break;
                }

                if (_session is not null)
                {
                    await WorkAsync().ConfigureAwait(false);
                }
            }
            catch (Exception exception)
            {
                // Also what is no error of the database: whoever waits gets an answer, and the session is opened anew rather than trusted.
                await FailAsync(exception).ConfigureAwait(false);
            }

            _answers = _answers.RunOnPool();
        }

        try
        {
            await EndAsync().ConfigureAwait(false);
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    /// <summary>Tries until the database is there. False: stopping.</summary>
    private async Task<bool> TryOpenAsync()
    {
        while (!(_stopping && _taken.Count == 0))
        {
            try
            {
                await OpenAsync().ConfigureAwait(false);
                return true;
            }
            catch (Exception exception)
            {
                // Whatever it is, also what only the driver knows to complain of: it is tried again, ever more slowly.
                _retry.Next();
                lock (_gate)
                {
                    _error = exception is EventLogException ? exception.Message : PostgresLogErrors.Describe(exception);
                    LogAway(_logger, Name, _error, _retry.Remaining.TotalMilliseconds);
                }

                AnswerWaiting();
            }

            try
            {
                var pause = _retry.Remaining;
                await Task.Delay(pause > TimeSpan.Zero ? pause : TimeSpan.Zero, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Nobody waits without end for a database that is away: what certainly came to nothing is refused at once, what is in doubt is answered so after a while.</summary>
    private void AnswerWaiting()
    {
        if (_doubtfulEnd is null)
        {
            lock (_gate)
            {
                // Queued before the session was lost; from then on nothing was.
                _queue.Take(_taken, long.MaxValue);
            }

            Answer(Unavailable(_error));
        }
        else if (Stopwatch.GetElapsedTime(_doubtfulSince) >= _doubtPatience)
        {
            AnswerDoubtful();
        }

        _answers = _answers.RunOnPool();
    }

    /// <summary>Answers the appends in doubt. The next session still finds out whether they are in the log, before it appends anything else.</summary>
    private void AnswerDoubtful() =>
        Answer(new AppendResult(AppendStatus.InDoubt, default, 0, 0, "the connection to the database broke during the commit, and the outcome cannot be read yet"));

    /// <summary>Connects, and settles what the last session left in doubt: from then on it is either in the log, or can never come into it.</summary>
    private async Task OpenAsync()
    {
        // A take-over waits for locks and for replication, up to the time-out of a command: appends in doubt do not wait that long with it.
        var opening = LogSession.OpenAsync(_database, _logId, $"{Environment.MachineName}:{Environment.ProcessId}", _stop.Token);
        if (_doubtfulEnd is not null && _taken.Count > 0 && !await EndsWithinPatienceAsync(opening).ConfigureAwait(false))
        {
            AnswerDoubtful();
            _answers = _answers.RunOnPool();
        }

        var (session, end) = await opening.ConfigureAwait(false);
        try
        {
            await SettleAsync(session, end).ConfigureAwait(false);
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        // Nothing else may be appended before these are heard of.
        _answers = _answers.RunOnPool();
        LogOpen(_logger, Name, session.LogId, session.End);
    }

    private async Task<bool> EndsWithinPatienceAsync(Task opening)
    {
        var rest = _doubtPatience - Stopwatch.GetElapsedTime(_doubtfulSince);
        return rest > TimeSpan.Zero && await Task.WhenAny(opening, Task.Delay(rest)).ConfigureAwait(false) == opening;
    }

    private async Task SettleAsync(LogSession session, long? endFound)
    {
        var memory = await session.ReadMemoryAsync(_stop.Token).ConfigureAwait(false);

        // A log without an event is removed when its process is not heard of for a while. In the same database that is all that a missing log can mean when nothing of it was acknowledged.
        var wasRemoved = endFound is null && _position.DurableMark == 0 && memory.Id == _memory.Id;
        var found = wasRemoved ? 0 : endFound;
        if (_doubtfulEnd is { } end)
        {
            if (found == end)
            {
                lock (_gate)
                {
                    _position = (_position.LogId, end);
                }

                Acknowledge();
            }
            else if (found is null)
            {
                // The database that may have it is no longer this one.
                LogReplaced(_logger, Name, _position.LogId);
                Answer(new AppendResult(AppendStatus.InDoubt, default, 0, 0, "the database was replaced by another one"));
            }

            _doubtfulEnd = null;
        }
        else if (_logId is not null && found != _position.DurableMark)
        {
            LogReplaced(_logger, Name, _position.LogId);
        }

        if (session.LogId == _logId && session.End != _position.DurableMark)
        {
            // An older state of the database was restored: receipts already given name offsets that are to be given again. Another log gives other receipts.
            LogReplaced(_logger, Name, session.LogId);
            await session.CloseLogAsync(_stop.Token).ConfigureAwait(false);
            _logId = null;
            throw new EventLogException($"{Name}: the log {session.LogId:N} is no longer where it was; another one is begun");
        }

        _session = session;
        _logId = session.LogId;
        OpeningFsync = session.OpeningCommit;
        _retry.Reset();
        _aliveAt = _notifiedAt = _memoryAt = Stopwatch.GetTimestamp();
        _mustNotify = true;
        lock (_gate)
        {
            _position = (session.LogId, session.End);
            _memory = memory;
            _error = null;
            _state = WriterState.Running;
        }
    }

    /// <summary>Waits for appends, and takes them; with nothing taken the session was lost. False: stopping, and nothing is queued.</summary>
    private async Task<bool> TakeAsync()
    {
        while (true)
        {
            lock (_gate)
            {
                _queue.Take(_taken, _options.CommitBytes);
                if (_taken.Count > 0)
                {
                    return true;
                }

                if (_stopping)
                {
                    return false;
                }

                _isWaiting = true;
            }

            var wait = _mustNotify ? NotifyInterval - Stopwatch.GetElapsedTime(_notifiedAt) : _aliveInterval - Stopwatch.GetElapsedTime(_aliveAt);
            if (wait > TimeSpan.Zero && await _signal.WaitAsync(wait).ConfigureAwait(false))
            {
                continue;
            }

            await LookAfterAsync().ConfigureAwait(false);
            if (_session is null)
            {
                return true;
            }
        }
    }

    /// <summary>One commit of what is taken.</summary>
    private async Task WorkAsync()
    {
        var started = Stopwatch.GetTimestamp();
        for (var round = 0; _taken.Count > 0; round++)
        {
            var commit = Commit.Render(_session!.End, _taken);
            CommitOutcome outcome;
            _doubtfulEnd = commit.To;
            try
            {
                outcome = await CommitAsync(commit).ConfigureAwait(false);
            }
            catch (Exception exception) when (PostgresLogErrors.IsKnownKey(exception) && round < MaxKeyRounds)
            {
                // Another process has just written one of the keys: the next round sees it.
                _doubtfulEnd = null;
                continue;
            }

            _doubtfulEnd = null;
            if (outcome.Moved)
            {
                var (duration, bytes) = (Stopwatch.GetElapsedTime(started), commit.To - commit.From);
                _metrics.Committed(duration, bytes);
                CommitSpan.Committed(_taken, commit.From, bytes, duration);
                _aliveAt = started;
                lock (_gate)
                {
                    _position = (_position.LogId, commit.To);
                    if (_stopping)
                    {
                        // A stop loses its patience with a database that does not answer, not with a long queue.
                        _stop.CancelAfter(StopPatience);
                    }
                }

                Acknowledge();
                _mustNotify = true;
            }
            else if (outcome.Known.Count > 0)
            {
                AnswerKnown(outcome.Known);
            }
            else
            {
                // Closed, or taken over: this process was taken for dead. Nothing of it is written; the next session begins another log with what is taken.
                await LoseSessionAsync("the log was closed by another process").ConfigureAwait(false);
                return;
            }
        }

        if ((_mustNotify && Stopwatch.GetElapsedTime(_notifiedAt) >= NotifyInterval) || Stopwatch.GetElapsedTime(_memoryAt) >= _aliveInterval)
        {
            await LookAfterAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Tells the processors, and that this process lives.</summary>
    private async Task LookAfterAsync()
    {
        if (_mustNotify && Stopwatch.GetElapsedTime(_notifiedAt) >= NotifyInterval)
        {
            _mustNotify = false;
            _notifiedAt = Stopwatch.GetTimestamp();
            await _session!.NotifyAsync(_stop.Token).ConfigureAwait(false);
        }

        if (Stopwatch.GetElapsedTime(_memoryAt) >= _aliveInterval)
        {
            // Also under load, when commits say by themselves that the process lives: clients rely on what health tells of keys.
            _memoryAt = Stopwatch.GetTimestamp();
            var memory = await _session!.ReadMemoryAsync(_stop.Token).ConfigureAwait(false);
            lock (_gate)
            {
                _memory = memory;
            }
        }

        if (Stopwatch.GetElapsedTime(_aliveAt) >= _aliveInterval)
        {
            _aliveAt = Stopwatch.GetTimestamp();
            if (!await _session!.StayAliveAsync(_stop.Token).ConfigureAwait(false))
            {
                await LoseSessionAsync("the log was closed by another process").ConfigureAwait(false);
            }
        }
    }

    /// <summary>Answers everybody who waited for a finished commit.</summary>
    private void Acknowledge()
    {
        if (_taken.Count == 0)
        {
            // Answered while the commit was overdue.
            return;
        }

        Leave(_taken);
        lock (_gate)
        {
            _lastReceipt = new Receipt(_position.LogId, _taken[^1].LastRecord);
        }

        foreach (var pending in _taken)
        {
            var group = pending.Group;
            var receipt = new Receipt(_position.LogId, pending.LastRecord);
            AnswerRepeats(pending, new KnownKey(group.KeyHash, group.BodyHash, receipt, group.Count, group.RejectedCount));
            _answers.Add(pending, new AppendResult(AppendStatus.Appended, receipt, group.Count, group.RejectedCount));
        }

        _taken.Clear();
    }

    /// <summary>Answers those whose key is known, and keeps the rest.</summary>
    private void AnswerKnown(List<KnownKey> known)
    {
        var byKey = known.ToDictionary(key => key.Key);
        bool IsRepeat(PendingAppend pending) => pending.Group.HasKey && byKey.ContainsKey(pending.Group.KeyHash);
        var repeats = _taken.FindAll(IsRepeat);
        _taken.RemoveAll(IsRepeat);
        Leave(repeats);
        foreach (var pending in repeats)
        {
            var first = byKey[pending.Group.KeyHash];
            AnswerRepeats(pending, first);
            _answers.Add(pending, Repeat(first, pending.Group));
        }
    }

    /// <summary>Answers all that are taken alike.</summary>
    private void Answer(AppendResult result)
    {
        Leave(_taken);
        foreach (var pending in _taken)
        {
            pending.Repeats?.ForEach(repeat => _answers.Add(repeat, result));
            _answers.Add(pending, result);
        }

        _taken.Clear();
    }

    private void AnswerRepeats(PendingAppend pending, KnownKey first) => pending.Repeats?.ForEach(repeat => _answers.Add(repeat, Repeat(first, repeat.Group)));

    /// <summary>Gives the places of groups back; nobody else can reach them or their repeats afterwards.</summary>
    private void Leave(List<PendingAppend> groups)
    {
        lock (_gate)
        {
            groups.ForEach(_queue.Leave);
        }
    }

    /// <summary>The database refused, or went away. What was taken is refused when it certainly came to nothing; else it waits until that can be read.</summary>
    private async Task FailAsync(Exception cause)
    {
        var error = PostgresLogErrors.Describe(cause);
        var isInDoubt = _doubtfulEnd is not null && !PostgresLogErrors.IsRefusal(cause);
        List<PendingAppend> queued = [];
        lock (_gate)
        {
            _error = error;
            _state = WriterState.Failed;
            _queue.Take(queued, long.MaxValue);
        }

        LogFailed(_logger, Name, error, queued.Count + _taken.Count, isInDoubt ? _taken.Count : 0, PostgresLogErrors.IsOfDatabase(cause) ? null : cause);
        _doubtfulSince = Stopwatch.GetTimestamp();
        if (!isInDoubt)
        {
            _doubtfulEnd = null;
            Answer(Unavailable(error));
        }

        var inDoubt = _taken.ToArray();
        _taken.Clear();
        _taken.AddRange(queued);
        Answer(Unavailable(error));
        _taken.AddRange(inDoubt);
        _retry.Reset();
        await DropSessionAsync().ConfigureAwait(false);
    }

    /// <summary>The log is no longer ours: what is taken goes into the next one.</summary>
    private async Task LoseSessionAsync(string reason)
    {
        lock (_gate)
        {
            _error = reason;
            _state = WriterState.Failed;
        }

        LogLost(_logger, Name, _position.LogId, reason);
        await DropSessionAsync().ConfigureAwait(false);
    }

    private async Task DropSessionAsync()
    {
        var session = _session;
        _session = null;
        if (session is not null)
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The end of the loop.</summary>
    private async Task EndAsync()
    {
        lock (_gate)
        {
            _state = WriterState.Stopped;
            _error = "the log is closed";
            _queue.Take(_taken, long.MaxValue);
        }

        Answer(new AppendResult(
            _doubtfulEnd is null ? AppendStatus.Unavailable : AppendStatus.InDoubt, default, 0, 0, "the process is stopping, and the database does not tell what became of it"));
        _answers = _answers.RunOnPool();
        try
        {
            if (_session is not null)
            {
                await _session.CloseLogAsync(_stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (PostgresLogErrors.IsOfDatabase(exception) || exception is OperationCanceledException)
        {
            // Others close it once this process has not been heard of for a while.
            LogNotClosed(_logger, Name, PostgresLogErrors.Describe(exception));
        }

        await DropSessionAsync().ConfigureAwait(false);
    }
}
