using Microsoft.Extensions.Logging;

namespace RevenueAspire.EventLog;

/// <summary>Whether the writer accepts appends.</summary>
public enum WriterState
{
    Running,

    /// <summary>A write or fsync failed; recovery is tried again by itself.</summary>
    Failed,
    Stopped,
}

/// <summary>The one writer of a log directory: group commit, durable mark, idempotency keys. Thread-safe.</summary>
public sealed class EventLogWriter : IAsyncDisposable
{
    private EventLogWriter() { }

    /// <summary>Takes the directory's lock, recovers the log (rule L6), rebuilds the keys (L9) and starts the writer.</summary>
    /// <exception cref="EventLogException">Another writer holds the directory, segments without log.json, unreadable or unwritable directory...; the message names the path and what to do.</exception>
    public static EventLogWriter Open(EventLogOptions options, TimeProvider time, ILogger<EventLogWriter> logger) => throw new NotImplementedException();

    /// <summary>The log's id, from log.json.</summary>
    public Guid LogId => throw new NotImplementedException();

    /// <summary>Everything before this offset is on disk.</summary>
    public long DurableMark => throw new NotImplementedException();

    /// <summary>Keys of records at or behind this offset are remembered (0 while none was forgotten).</summary>
    public long KeysFrom => throw new NotImplementedException();

    /// <summary>Whether appends are accepted.</summary>
    public WriterState State => throw new NotImplementedException();

    /// <summary>Why <see cref="State"/> is Failed, for people; else null.</summary>
    public string? Error => throw new NotImplementedException();

    /// <summary>Groups waiting now.</summary>
    public int QueueDepth => throw new NotImplementedException();

    /// <summary>Duration of the fsync measured when the log was opened.</summary>
    public TimeSpan OpeningFsync => throw new NotImplementedException();

    /// <summary>Appends a group atomically and completes once it is on disk: data fsynced, then the mark moved, then the key known, then this.</summary>
    /// <param name="group">Used once.</param>
    /// <param name="cancellationToken">Stops the waiting, never the write: once enqueued the group is written (and its key known) all the same.</param>
    /// <returns>The outcome; disk errors are outcomes (<see cref="AppendStatus.Unavailable"/>), not exceptions.</returns>
    public ValueTask<AppendResult> AppendAsync(AppendGroup group, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>True when a record begins at this offset, below the mark, in a retained segment.</summary>
    public bool IsRecord(long offset) => throw new NotImplementedException();

    /// <summary>Refuses new appends, writes and acknowledges what is queued, releases the directory.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

/// <summary>The log cannot be opened or read; the message is one line for people and names the path.</summary>
public sealed class EventLogException : Exception
{
    public EventLogException(string message) : base(message) { }

    public EventLogException(string message, Exception inner) : base(message, inner) { }
}
