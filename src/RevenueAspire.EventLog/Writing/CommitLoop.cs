using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace RevenueAspire.EventLog.Writing;

/// <summary>The writer thread: commits queued groups, answers them, and recovers the store after a failure (rules L5 and L7).</summary>
internal sealed class CommitLoop(ILogStore store, AppendIntake intake, EventLogOptions options, ILogger<EventLogWriter> logger)
    : ICommitObserver, IAsyncDisposable
{
    /// <summary>Maximum time that a stop waits for a store that does not answer. Each finished commit restarts it. After this time, appends with an unknown
    /// outcome are answered as in doubt.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly WriterMetrics _metrics = new(() => intake.Depth);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly RetryDelay _retry = new();

    /// <summary>Groups of the current commit; after a failure, only the groups with an unknown outcome.</summary>
    private readonly List<PendingAppend> _taken = [];
    private Completions _completions = new();
    private int _isDisposed;
    private bool _isOverdue;

    /// <summary>Time at which the outcome of the current commit became unknown; null if it is not.</summary>
    private long? _inDoubtSince;
    private string? _loggedError = store.OpeningError;

    private TimeSpan InDoubtTimeLeft => _inDoubtSince is { } since ? store.InDoubtTimeout - Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

    /// <inheritdoc cref="EventLogWriter.DisposeAsync"/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            // Set the limit first, because the thread may end at once.
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

    /// <summary>One turn of the writer thread, on the calling thread.</summary>
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

    /// <summary>Runs one commit of queued groups, or one recovery attempt.</summary>
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
                // This catches bugs too: the callers get an answer, and the log is recovered, because its state is unknown.
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
            // The groups are durable and acknowledged, but readers cannot see them until the mark moves.
            Fail(error, isInDoubt: false);
        }
    }

    /// <summary>Makes the keys of a finished commit known, then answers its groups and their repeats.</summary>
    private void Acknowledge()
    {
        if (intake.IsStopping)
        {
            // Restart the limit, which is meant for a store that does not answer, not for a long queue.
            _stop.CancelAfter(StopPatience);
        }

        if (_taken.Count == 0)
        {
            // These groups were already answered while the commit was overdue.
            return;
        }

        intake.Finish(_taken);
        _completions.AddAppended(_taken);
        _taken.Clear();
    }

    /// <summary>Answers the groups whose keys are known from another process, and keeps the others.</summary>
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

    /// <summary>Stops accepting groups. Refuses those that were certainly not written; groups in doubt wait for recovery, up to the store's limit.</summary>
    private void Fail(Exception cause, bool isInDoubt)
    {
        var (kind, error, bug) = store.Describe(cause);
        _retry.Reset();
        _isOverdue = false;
        if (cause is LogClosedException)
        {
            // Nothing of the commit was written, so its groups can be appended to the next log.
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
                // Log each reason once, regardless of the number of attempts.
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

    /// <summary>Answers all waiting callers, so that none waits indefinitely for a failing store.</summary>
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

    /// <summary>Answers groups and their repeats alike. A retry of a repeat is then a first attempt.</summary>
    private void Complete(List<PendingAppend> groups, AppendResult result)
    {
        intake.Release(groups);
        _completions.AddAll(groups, result);
        groups.Clear();
    }
}
