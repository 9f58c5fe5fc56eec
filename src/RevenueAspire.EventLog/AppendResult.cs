namespace RevenueAspire.EventLog;

/// <summary>How an append ended.</summary>
public enum AppendStatus
{
    /// <summary>On disk (fsynced) and below the durable mark.</summary>
    Appended,

    /// <summary>The key is known with the same body: nothing was appended, the first answer is returned.</summary>
    Repeated,

    /// <summary>The key is known with another body.</summary>
    KeyConflict,

    /// <summary>The queue is full: try again later.</summary>
    QueueFull,

    /// <summary>The disk refused, or the writer stopped or is recovering: nothing was appended.</summary>
    Unavailable,

    /// <summary>The caller of <see cref="EventLogWriter.Refuse"/> has closed the log to appends: nothing was appended.</summary>
    Refused,

    /// <summary>The medium failed in the middle of the write, and what was written may still be kept: it could not be cut off the disk again, or the database
    /// does not tell. Only a repeat with the same key is safe.</summary>
    InDoubt,
}

/// <summary>The outcome of an append.</summary>
/// <param name="Status">What happened.</param>
/// <param name="Receipt">The group's last record; default unless Appended or Repeated.</param>
/// <param name="Accepted">Records in the group (of the first attempt, when repeated).</param>
/// <param name="RejectedCount">Rejected lines beside them (of the first attempt, when repeated).</param>
/// <param name="Error">Why it is unavailable, refused or in doubt, for people; else null.</param>
public readonly record struct AppendResult(AppendStatus Status, Receipt Receipt, int Accepted, int RejectedCount, string? Error = null)
{
    internal static AppendResult Unavailable(string? error) => new(AppendStatus.Unavailable, default, 0, 0, error);

    internal static AppendResult InDoubt(string? error) => new(AppendStatus.InDoubt, default, 0, 0, error);
}
