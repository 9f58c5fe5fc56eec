namespace RevenueAspire.EventLog;

/// <summary>Reads a log, while it is written, from any process. Thread-safe.</summary>
public interface ILogReader : IDisposable
{
    /// <summary>The log's id.</summary>
    Guid LogId { get; }

    /// <summary>First offset that is still kept.</summary>
    long FirstOffset { get; }

    /// <summary>Reads where the durable part ends now.</summary>
    /// <exception cref="EventLogException">The log is gone.</exception>
    /// <exception cref="IOException">It cannot be read now.</exception>
    long ReadDurableMark();

    /// <summary>Copies bytes from an offset on, never past the mark.</summary>
    /// <inheritdoc cref="ReadDurableMark"/>
    LogRead Read(long offset, Span<byte> destination);
}

/// <summary>What a read found.</summary>
/// <param name="Count">Bytes copied; 0 at the mark, or before damage.</param>
/// <param name="DamagedThrough">When Count is 0 and this is above the asked offset: the bytes up to here cannot be trusted (checksum) or do not exist (gap); go on there.</param>
/// <param name="Damage">What is wrong with them, for people; else null.</param>
public readonly record struct LogRead(int Count, long DamagedThrough, string? Damage);

/// <summary>The log cannot be opened or read; the message is one line for people and names the path.</summary>
public sealed class EventLogException(string message, Exception? cause = null) : Exception(message, cause);
