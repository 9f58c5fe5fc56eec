using System.Diagnostics;
using RevenueAspire.EventLog.Format;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog;

/// <content>What the writer's thread does while all is well: commit and acknowledge.</content>
public sealed partial class EventLogWriter
{
    /// <summary>Without an append for so long the writer tidies up.</summary>
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>Without appends, this often the log is looked at: health shall not call a folder well that is gone.</summary>
    private static readonly TimeSpan IdleCheckInterval = TimeSpan.FromSeconds(1);

    /// <summary>A commit of so many groups is a sign of load.</summary>
    private const int ManyGroups = 4;

    /// <summary>Measured: 3 to 6 gained most, 12 lost again.</summary>
    private const int MaxYields = 6;

    private void Run()
    {
        while (WaitForWork())
        {
            WorkOnce();
            _answers = _answers.RunOnPool();
        }

        Close();
    }

    /// <summary>Blocks until there is something to do. False: stopping, and everything queued is answered.</summary>
    private bool WaitForWork()
    {
        lock (_gate)
        {
            while (true)
            {
                if (!_queue.IsEmpty)
                {
                    return true;
                }

                if (_stopping)
                {
                    return false;
                }

                if (_state == WriterState.Running)
                {
                    if (!Monitor.Wait(_gate, _log!.HasReserve ? IdleAfter : IdleCheckInterval))
                    {
                        return true;
                    }
                }
                else if (_retry.Remaining is { Ticks: > 0 } remaining)
                {
                    Monitor.Wait(_gate, remaining);
                }
                else
                {
                    return true;
                }
            }
        }
    }

    /// <summary>What the writer's thread does in one turn, answers included: for a test that stands for it.</summary>
    internal void Step()
    {
        WorkOnce();
        _answers.RunHere();
    }

    /// <summary>One commit of what is queued, or one attempt to recover.</summary>
    private void WorkOnce()
    {
        if (State == WriterState.Failed)
        {
            TryRecover();
            return;
        }

        GatherMore();
        lock (_gate)
        {
            _queue.Take(_taken, _options.CommitBytes);
        }

        _lastCommitGroups = _taken.Count;
        if (_taken.Count == 0)
        {
            LookAfterIdleLog();
            return;
        }

        var from = _log!.End;
        var started = Stopwatch.GetTimestamp();
        Exception? markError;
        try
        {
            markError = _log.Commit(_taken);
        }
        catch (Exception e)
        {
            // Also what is no disk error: whoever waits gets an answer, and the log is recovered rather than trusted.
            Fail(e, e is not CommitException { NeedsRecovery: false }, e is CommitException { IsUndone: true });
            return;
        }

        var (duration, bytes) = (Stopwatch.GetElapsedTime(started), _log.End - from);
        _metrics.Committed(duration, bytes);
        CommitSpan.Committed(_taken, from, bytes, duration);
        Acknowledge();
        if (markError is not null)
        {
            // Acknowledged all the same: the bytes are fsynced and recovery keeps them. Readers wait until the mark can be moved.
            Fail(markError, needsRecovery: true, isUndone: true);
        }
    }

    /// <summary>Under load, lets those run who are about to queue as much as the last commit took: half as many commits then carry twice as much each.</summary>
    /// <remarks>It gives the processor away and never sleeps: where nobody else wants it, and always for a lone append, the commit begins at once.</remarks>
    private void GatherMore()
    {
        if (_lastCommitGroups < ManyGroups)
        {
            return;
        }

        for (var i = 0; i < MaxYields && _queue.Count < _lastCommitGroups; i++)
        {
            Thread.Yield();
        }
    }

    private void LookAfterIdleLog()
    {
        try
        {
            _log!.DropReserve();
            _log.CheckInPlace();
        }
        catch (Exception e)
        {
            // Nothing was being written; what is wrong is the same as with a commit.
            Fail(e, needsRecovery: true, isUndone: true);
        }
    }

    /// <summary>Makes the keys of a finished commit known, then answers everybody who waited for it.</summary>
    private void Acknowledge()
    {
        lock (_gate)
        {
            Volatile.Write(ref _durableMark, _log!.End);
            Volatile.Write(ref _lastRecord, _taken[^1].LastRecord);
            foreach (var pending in _taken)
            {
                _queue.Leave(pending);
                if (pending.Group.HasKey)
                {
                    _keys.Add(RecordOf(pending));
                }
            }
        }

        // From here on nobody else can reach these: their keys are no longer in flight.
        foreach (var pending in _taken)
        {
            var group = pending.Group;
            if (pending.Repeats is { } repeats)
            {
                var first = RecordOf(pending);
                foreach (var repeat in repeats)
                {
                    _answers.Add(repeat, Repeat(first, repeat.Group));
                }
            }

            _answers.Add(pending, new AppendResult(AppendStatus.Appended, new Receipt(LogId, pending.LastRecord), group.Count, group.RejectedCount));
        }

        _taken.Clear();
    }

    private static KeyedRecord RecordOf(PendingAppend pending) =>
        new(pending.Group.KeyHash, pending.Group.BodyHash, pending.LastRecord, pending.Group.Count, pending.Group.RejectedCount);

    /// <summary>The end of the writer's thread.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _state = WriterState.Stopped;
        }

        try
        {
            _log?.DropReserve();
            _log?.FlushMark();
        }
        catch (Exception e) when (e is CommitException || SegmentedLog.IsDiskError(e))
        {
            // Everything acknowledged is on disk; the next start only has more to look at.
            LogMarkNotFlushed(_logger, Directory, e);
        }

        _log?.Dispose();
        lock (_readerGate)
        {
            _readerClosed = true;
            _reader?.Dispose();
        }

        _metrics.Dispose();
        _directoryLock.Dispose();
        _ended.TrySetResult();
    }
}
