namespace RevenueAspire.EventLog.Writing;

/// <summary>A commit appended nothing.</summary>
/// <param name="cause">What the disk said.</param>
/// <param name="needsRecovery">Whether the files must be opened and recovered again; else the write was undone and the disk only needs to take bytes again.</param>
internal sealed class CommitException(Exception cause, bool needsRecovery) : Exception(cause.Message, cause)
{
    public bool NeedsRecovery { get; } = needsRecovery;
}
