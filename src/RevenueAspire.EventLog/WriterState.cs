namespace RevenueAspire.EventLog;

/// <summary>State of the writer.</summary>
public enum WriterState
{
    /// <summary>Appends are accepted.</summary>
    Running,

    /// <summary>A write or fsync failed; the writer retries recovery automatically.</summary>
    Failed,

    /// <summary>A commit has taken several seconds, for example because a synchronous standby is unavailable. Appends are refused until it ends.</summary>
    Waiting,

    /// <summary>Disposed.</summary>
    Stopped,
}
