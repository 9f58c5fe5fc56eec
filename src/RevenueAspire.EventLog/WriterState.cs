namespace RevenueAspire.EventLog;

/// <summary>Whether the writer accepts appends.</summary>
public enum WriterState
{
    /// <summary>Appends are accepted.</summary>
    Running,

    /// <summary>A write or fsync failed; recovery is tried again by itself.</summary>
    Failed,

    /// <summary>A commit takes longer than a few seconds, as when a synchronous standby is unavailable; appends are refused until it has ended.</summary>
    Waiting,

    /// <summary>Disposed.</summary>
    Stopped,
}
