using RevenueAspire.EventLog.Recovery;
using RevenueAspire.EventLog.Storage;
using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog;

/// <content>What the writer's thread does when the disk fails: refuse, recover, go on (rule L7).</content>
public sealed partial class EventLogWriter
{
    /// <summary>Stops accepting and answers everybody who waits, repeats too: a repeat's own retry is then a first attempt.</summary>
    /// <param name="cause">What happened.</param>
    /// <param name="needsRecovery">Whether the files must be opened anew.</param>
    /// <param name="isUndone">Whether nothing of what was taken is left on disk. Else this process cuts it off before it accepts anything again,
    /// but should it end before that, the next start may keep it: those who wait are told so.</param>
    private void Fail(Exception cause, bool needsRecovery, bool isUndone)
    {
        _needsRecovery |= needsRecovery;
        List<PendingAppend> refused;
        int inDoubt;
        string error;
        lock (_gate)
        {
            refused = LeaveTaken();
            inDoubt = isUndone ? 0 : refused.Count;
            _queue.Take(_taken, long.MaxValue);
            refused.AddRange(LeaveTaken());
            _error = error = Describe(cause);
            _isLost = IsLost(cause);
            _state = WriterState.Failed;
        }

        _retry.Reset();
        _loggedError = error;
        LogFailed(_logger, Directory, CauseOf(cause), refused.Count, error, MistakeIn(cause));
        for (var i = 0; i < refused.Count; i++)
        {
            _answers.Add(refused[i], i < inDoubt ? new AppendResult(AppendStatus.InDoubt, default, 0, 0, error) : Unavailable(error));
        }
    }

    /// <summary>Those that are taken, and their repeats, who all leave the queue.</summary>
    private List<PendingAppend> LeaveTaken()
    {
        _taken.ForEach(_queue.Leave);
        List<PendingAppend> left = [.. _taken.Concat(_taken.SelectMany(pending => pending.Repeats ?? []))];
        _taken.Clear();
        return left;
    }

    /// <summary>Whether what was acknowledged is no longer at its path, as opposed to a disk that refuses.</summary>
    private static bool IsLost(Exception cause) => (cause as CommitException)?.InnerException is EventLogException || cause is EventLogException;

    /// <summary>What the disk refuses is said in a line; only a mistake of this program needs its stack trace.</summary>
    private static Exception? MistakeIn(Exception cause) => cause is CommitException or EventLogException || SegmentedLog.IsDiskError(cause) ? null : cause;

    private static string CauseOf(Exception cause) => IsLost(cause) ? "the log is not in its place" : MistakeIn(cause) is null ? "the disk failed" : "an error in this program stopped the commit";

    private string Describe(Exception cause) => cause.Message.StartsWith(Directory, StringComparison.Ordinal) ? cause.Message : $"{Directory}: {cause.Message}";

    private void TryRecover()
    {
        try
        {
            if (_needsRecovery)
            {
                Recover();
            }

            _log!.CheckInPlace();
            _log.Probe();
        }
        catch (Exception e)
        {
            // Nobody waits for this: it is tried again after a pause, and health shows it until then.
            _needsRecovery |= e is not CommitException { NeedsRecovery: false };
            _retry.Next();
            lock (_gate)
            {
                _error = Describe(e);
                _isLost |= IsLost(e);
            }

            if (_loggedError != _error)
            {
                // Once for each reason, however often it is tried.
                _loggedError = _error;
                LogStillFailing(_logger, Directory, RetryDelay.Longest.TotalSeconds, _error, MistakeIn(e));
            }

            return;
        }

        lock (_gate)
        {
            _keys = _log.Keys;
            _error = null;
            _isLost = false;
            _state = WriterState.Running;
        }

        LogRunningAgain(_logger, Directory, DurableMark);
    }

    /// <summary>Opens everything anew (rule L7). This writer knows its mark and that nobody was told of anything above it, so that is cut off: a repeat of what failed,
    /// keyed or not, is appended once. Should the process end before that, the start keeps what the disk then holds together with its keys, so that a keyed repeat finds it.</summary>
    private void Recover()
    {
        _log?.Dispose();
        _log = null;
        LogDirectory.CheckIdentity(_files, Directory, LogId);
        if (!_directoryLock.IsAtItsPath())
        {
            // The log was away and is back with another lock file (a copy, for example). Others may have written it meanwhile, so what stands above our mark is not ours to cut off.
            var directoryLock = LogDirectory.LockExisting(_files, Directory);
            _directoryLock.Dispose();
            _directoryLock = directoryLock;
            _lockWasLost = true;
        }

        RecoveredLog recovered;
        lock (_segmentsInUse)
        {
            recovered = new LogRecovery(_files, Directory, LogId, _options.KeyWindow).Run(DurableMark, mayUndo: !_lockWasLost);
        }

        _log = new SegmentedLog(_files, Directory, _directoryLock, LogId, _options, recovered);
        _needsRecovery = false;
        _lockWasLost = false;
        LastRecovery = recovered.Report;
        Volatile.Write(ref _durableMark, _log.End);
        Report(recovered.Report);
    }

    private void Report(RecoveryReport report)
    {
        if (report.HasLoss || report.SealsMade.Count > 0)
        {
            LogRecoveredWithLoss(
                _logger, Directory, report.Case, report.Mark, string.Join(", ", report.Damaged), string.Join(", ", report.Gaps), string.Join(", ", report.SealsMade));
        }

        LogRecovered(_logger, Directory, report.Case, report.Mark, report.Kept.Length, report.Dropped.Length, report.Keys);
    }
}
