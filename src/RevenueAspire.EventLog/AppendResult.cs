namespace RevenueAspire.EventLog;

/// <summary>Outcome of an append.</summary>
public enum AppendStatus
{
    /// <summary>Appended: on disk (fsynced) and below the durable mark.</summary>
    Appended,

    /// <summary>The key is known, with the same body: nothing was appended, and the result is that of the first attempt.</summary>
    Repeated,

    /// <summary>The key is known, but with another body: nothing was appended.</summary>
    KeyConflict,

    /// <summary>The queue is full; the caller may retry later.</summary>
    QueueFull,

    /// <summary>The disk refused, or the writer is stopped or recovering: nothing was appended.</summary>
    Unavailable,

    /// <summary><see cref="EventLogWriter.Refuse"/> has closed the log to appends: nothing was appended.</summary>
    Refused,

    /// <summary>The write failed midway, and its bytes may survive: the disk could not cut them off, or the database does not report the outcome. Only a repeat
    /// with the same key is safe.</summary>
    InDoubt,
}

/// <summary>Result of an append.</summary>
/// <param name="Status">The outcome.</param>
/// <param name="Receipt">Names the group's last record; default unless Appended or Repeated.</param>
/// <param name="Accepted">Records in the group; for Repeated, in the first attempt's group.</param>
/// <param name="RejectedCount">Rejected lines of the request; for Repeated, of the first attempt's request.</param>
/// <param name="Error">The reason for a result other than Appended and Repeated, as text for people; may be null.</param>
public readonly record struct AppendResult(AppendStatus Status, Receipt Receipt, int Accepted, int RejectedCount, string? Error = null)
{
    internal static AppendResult Unavailable(string? error) => new(AppendStatus.Unavailable, default, 0, 0, error);

    internal static AppendResult InDoubt(string? error) => new(AppendStatus.InDoubt, default, 0, 0, error);
}
