using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.EventLog.Writing;

/// <summary>The writer's thread: commits what is queued, answers it, and recovers the store after a failure (rules L5 and L7).</summary>
internal sealed class CommitLoop(ILogStore store, AppendIntake intake, EventLogOptions options, ILogger<EventLogWriter> logger)
    : ICommitObserver, IAsyncDisposable
{
    /// <summary>How long a stop waits for a store that does not answer. Then the appends in doubt are answered so. Each finished commit begins it
    /// again.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly WriterMetrics _metrics = new(() => intake.Depth);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly RetryDelay _retry = new();

    /// <summary>Groups of the current commit; after a failure those whose outcome is not known yet.</summary>
    private readonly List<PendingAppend> _taken = [];
    private Completions _completions = new();
    private int _isDisposed;
    private bool _isOverdue;

    /// <summary>Since when a commit is in doubt; null when none is.</summary>
    private long? _inDoubtSince;
    private string? _loggedError = store.OpeningError;

    private TimeSpan InDoubtTimeLeft => _inDoubtSince is { } since ? store.InDoubtTimeout - Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

    /// <inheritdoc cref="EventLogWriter.DisposeAsync"/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            // First the patience: the thread may end at once.
            _stop.CancelAfter(StopPatience);
            intake.Stop();
        }

        await _ended.Task.ConfigureAwait(false);
        _stop.Dispose();
    }

    public void Run()
    {
        while (intake.WaitForWork(_taken.Count > 0, _retry, _stop.Token))
        {
            WorkOnce();
            _completions = _completions.RunOnPool();
        }

        Close();
    }

    /// <summary>One turn of the thread, on the calling thread.</summary>
    public void Step()
    {
        WorkOnce();
        _completions.RunInline();
    }

    public void Close()
    {
        const string Reason = "the process is stopping, and the log does not answer";
        var queued = intake.Close(WriterState.Stopped, "the log is closed");
        Complete(_taken, _inDoubtSince is not null ? AppendResult.InDoubt(Reason) : AppendResult.Unavailable(Reason));
        Complete(queued, AppendResult.Unavailable(Reason));
        _completions = _completions.RunOnPool();
        store.Close(_stop.Token);
        _metrics.Dispose();
        _ended.TrySetResult();
    }

    /// <summary>One commit of what is queued, or one attempt to recover.</summary>
    private void WorkOnce()
    {
        if (intake.Status.State != WriterState.Running)
        {
            Recover();
            return;
        }

        if (_taken.Count == 0)
        {
            intake.Take(_taken, options.CommitBytes);
        }

        if ((_taken.Count > 0 && store.MaintenanceDue > TimeSpan.Zero) || TryMaintain())
        {
            Commit();
        }
    }

    private bool TryMaintain()
    {
        try
        {
            store.Maintain(_stop.Token);
            return _taken.Count > 0;
        }
        catch (Exception exception)
        {
            Fail(exception, isInDoubt: false);
            return false;
        }
    }

    private void Commit()
    {
        var started = Stopwatch.GetTimestamp();
        CommitResult result;
        do
        {
            try
            {
                result = store.Commit(_taken, this, _stop.Token);
            }
            catch (Exception exception)
            {
                // Also a bug of this program: the callers get an answer, and the log is recovered rather than trusted.
                Fail(exception, isInDoubt: exception is not CommitException { IsUndone: true });
                return;
            }

            if (_isOverdue)
            {
                _isOverdue = false;
                intake.Open();
            }

            if (result.Known is { } known)
            {
                CompleteKnown(known);
            }
        }
        while (result.Known is not null && _taken.Count > 0);

        if (result.Known is not null)
        {
            return;
        }

        var duration = Stopwatch.GetElapsedTime(started);
        _metrics.Committed(duration, result.Bytes);
        CommitSpan.Committed(_taken, result.From, result.Bytes, duration);
        Acknowledge();
        if (result.MarkError is { } error)
        {
            // The groups are durable and acknowledged. Readers wait until the mark can be moved.
            Fail(error, isInDoubt: false);
        }
    }

    /// <summary>Makes the keys of a finished commit known, then answers its groups and their repeats.</summary>
    private void Acknowledge()
    {
        if (intake.IsStopping)
        {
            // A stop loses its patience with a store that does not answer, not with a long queue.
            _stop.CancelAfter(StopPatience);
        }

        if (_taken.Count == 0)
        {
            // Answered while the commit was overdue.
            return;
        }

        intake.Finish(_taken);
        _completions.AddAppended(_taken);
        _taken.Clear();
    }

    /// <summary>Answers the groups whose keys another process has made known, and keeps the others.</summary>
    private void CompleteKnown(List<KnownKey> known)
    {
        var byKey = known.ToDictionary(key => key.Key);
        bool IsRepeat(PendingAppend pending) => pending.Group.HasKey && byKey.ContainsKey(pending.Group.KeyHash);
        var repeats = _taken.FindAll(IsRepeat);
        _taken.RemoveAll(IsRepeat);
        intake.Release(repeats);
        foreach (var pending in repeats)
        {
            _completions.AddKnown(pending, byKey[pending.Group.KeyHash]);
        }
    }

    /// <summary>Stops admitting. Refuses what certainly came to nothing; what is in doubt waits for recovery, as long as the store says.</summary>
    private void Fail(Exception cause, bool isInDoubt)
    {
        var (kind, error, bug) = store.Describe(cause);
        _retry.Reset();
        _isOverdue = false;
        if (cause is LogClosedException)
        {
            // Nothing of it is written: the next log takes what is queued.
            intake.Set(WriterState.Failed, error);
            EventLogMessages.Closed(logger, store.Name, error);
            return;
        }

        var queued = intake.Close(WriterState.Failed, error);
        _inDoubtSince = isInDoubt ? Stopwatch.GetTimestamp() : null;
        _loggedError = error;
        EventLogMessages.Failed(logger, store.Name, kind, queued.Count + _taken.Count, isInDoubt ? _taken.Count : 0, error, bug);
        CompleteWaiting(queued, error);
    }

    private void Recover()
    {
        InDoubtOutcome outcome;
        try
        {
            outcome = store.Recover(this, InDoubtTimeLeft, _stop.Token);
        }
        catch (Exception exception)
        {
            var (_, error, bug) = store.Describe(exception);
            _retry.Next();
            var queued = intake.Close(WriterState.Failed, error);
            if (_loggedError != error)
            {
                // Once for each reason, however often it is tried.
                _loggedError = error;
                EventLogMessages.StillFailing(logger, store.Name, RetryDelay.Longest.TotalSeconds, error, bug);
            }

            CompleteWaiting(queued, error);
            return;
        }

        if (_inDoubtSince is not null && outcome == InDoubtOutcome.Appended)
        {
            Acknowledge();
        }
        else if (_inDoubtSince is not null && outcome == InDoubtOutcome.Unknown)
        {
            Complete(_taken, AppendResult.InDoubt("the log was replaced by another one"));
        }

        // Groups that are certainly not in the log are appended in the next turn, after these answers.
        (_inDoubtSince, _isOverdue, _loggedError) = (null, false, null);
        intake.Open();
        EventLogMessages.RunningAgain(logger, store.Name, store.LogId, store.DurableMark);
    }

    void ICommitObserver.Overdue(WriterState state, string reason)
    {
        var queued = intake.Close(state, reason);
        if (_taken.Count > 0)
        {
            EventLogMessages.Overdue(logger, store.Name, reason, _taken.Count);
        }

        _isOverdue = true;
        Complete(_taken, AppendResult.InDoubt(reason));
        Complete(queued, AppendResult.Unavailable(reason));
        _completions = _completions.RunOnPool();
    }

    /// <summary>No caller waits without end for a store that fails.</summary>
    private void CompleteWaiting(List<PendingAppend> queued, string error)
    {
        if (_inDoubtSince is null)
        {
            Complete(_taken, AppendResult.Unavailable(error));
        }
        else if (InDoubtTimeLeft <= TimeSpan.Zero)
        {
            Complete(_taken, AppendResult.InDoubt(error));
        }

        Complete(queued, AppendResult.Unavailable(error));
    }

    /// <summary>Answers groups and their repeats alike: a repeat's own retry is then a first attempt.</summary>
    private void Complete(List<PendingAppend> groups, AppendResult result)
    {
        intake.Release(groups);
        _completions.AddAll(groups, result);
        groups.Clear();
    }
}
