namespace RevenueAspire.EventLog;

/// <summary>Whether the writer accepts appends.</summary>
public enum WriterState
{
    /// <summary>Appends are accepted.</summary>
    Running,

    /// <summary>A write or fsync failed; recovery is tried again by itself.</summary>
    Failed,

    /// <summary>Disposed.</summary>
    Stopped,
}
