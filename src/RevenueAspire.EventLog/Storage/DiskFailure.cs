using RevenueAspire.EventLog.Writing;

namespace RevenueAspire.EventLog.Storage;

/// <summary>The current failure of a log in a folder, until recovery clears it. Only the writer thread changes it; any thread may read <see cref="IsFailing"/>
/// and <see cref="IsLost"/>.</summary>
internal sealed class DiskFailure(string directory)
{
    private volatile bool _isFailing;
    private volatile bool _isLost;

    /// <summary>Whether a call has failed since the last recovery, or the log is closed.</summary>
    public bool IsFailing => _isFailing;

    /// <summary>Whether the cause is that acknowledged data is no longer at its path, not that the disk refused a call.</summary>
    public bool IsLost => _isLost;

    /// <summary>Whether the files must be reopened and recovered.</summary>
    public bool NeedsRecovery { get; set; }

    public void Set(Exception cause)
    {
        NeedsRecovery |= cause is not CommitException { NeedsRecovery: false };
        _isLost |= IsLoss(cause);
        _isFailing = true;
    }

    public void Clear() => (_isLost, _isFailing) = (false, false);

    /// <summary>Marks the log as closed.</summary>
    public void Close() => _isFailing = true;

    public StoreFailure Describe(Exception exception)
    {
        var isBug = exception is not (CommitException or EventLogException) && !SegmentedLog.IsDiskError(exception);
        return new StoreFailure(
            IsLoss(exception) ? "the log is no longer at its path" : isBug ? StoreFailure.BugCause : "the disk failed",
            exception.Message.StartsWith(directory, StringComparison.Ordinal) ? exception.Message : $"{directory}: {exception.Message}",
            isBug ? exception : null);
    }

    private static bool IsLoss(Exception cause) => (cause as CommitException)?.InnerException is EventLogException || cause is EventLogException;
}
