namespace RevenueAspire.EventLog;

/// <summary>Reads a log from any process, also while it is being written. Thread-safe.</summary>
public interface ILogReader : IDisposable
{
    /// <summary>The log's id.</summary>
    Guid LogId { get; }

    /// <summary>First offset still kept.</summary>
    long FirstOffset { get; }

    /// <summary>Reads the current durable mark.</summary>
    /// <exception cref="EventLogException">The log is gone.</exception>
    /// <exception cref="IOException">The mark cannot be read now.</exception>
    long ReadDurableMark();

    /// <summary>Copies bytes from an offset, never past the durable mark.</summary>
    /// <inheritdoc cref="ReadDurableMark"/>
    LogRead Read(long offset, Span<byte> destination);
}

/// <summary>Result of a read.</summary>
/// <param name="Count">Bytes copied; 0 at the mark or at damage.</param>
/// <param name="DamagedThrough">If Count is 0 and this is above the requested offset: the bytes up to here are damaged (wrong checksum) or missing (gap).
/// Continue from here.</param>
/// <param name="Damage">Description of the damage for people, else null.</param>
public readonly record struct LogRead(int Count, long DamagedThrough, string? Damage);

/// <summary>The log cannot be opened or read. The message is one line for people and names the path.</summary>
public sealed class EventLogException(string message, Exception? cause = null) : Exception(message, cause);
