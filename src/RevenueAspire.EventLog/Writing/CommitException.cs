namespace RevenueAspire.EventLog.Writing;

/// <summary>A commit that nobody may be told succeeded.</summary>
/// <param name="cause">What the disk said.</param>
/// <param name="needsRecovery">Whether the files must be opened and recovered again; else the write was undone and the disk only needs to take bytes again.</param>
/// <param name="isUndone">Whether nothing of the commit is left on disk, whatever happens next; else the next start may find it.</param>
internal sealed class CommitException(Exception cause, bool needsRecovery, bool isUndone) : Exception(cause.Message, cause)
{
    public bool NeedsRecovery { get; } = needsRecovery;

    public bool IsUndone { get; } = isUndone;
}
