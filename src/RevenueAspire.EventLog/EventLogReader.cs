namespace RevenueAspire.EventLog;

/// <summary>What a read found.</summary>
/// <param name="Count">Bytes copied; 0 at the mark, or before damage.</param>
/// <param name="DamagedThrough">When Count is 0 and this is above the asked offset: the bytes up to here cannot be trusted (checksum) or do not exist (gap); go on there.</param>
/// <param name="Damage">What is wrong with them, for people; else null.</param>
public readonly record struct LogRead(int Count, long DamagedThrough, string? Damage);

/// <summary>Reads a log directory from any process on the machine, while it is written. Thread-safe.</summary>
/// <remarks>Never passes the durable mark (L5), verifies sealed segments (L8), never writes.</remarks>
public sealed class EventLogReader : IDisposable
{
    private EventLogReader() { }

    /// <summary>True when the directory holds a log (a log.json).</summary>
    public static bool IsLog(string directory) => File.Exists(Path.Combine(directory, "log.json"));

    /// <exception cref="EventLogException">No log.json, or it is damaged.</exception>
    public static EventLogReader Open(string directory) => throw new NotImplementedException();

    /// <summary>The log's id.</summary>
    public Guid LogId => throw new NotImplementedException();

    /// <summary>The folder.</summary>
    public string Directory => throw new NotImplementedException();

    /// <summary>First offset that is still kept (retention may have removed what was before).</summary>
    public long FirstOffset => throw new NotImplementedException();

    /// <summary>Reads the durable mark: cheap (16 bytes), meant to be polled. <see cref="FirstOffset"/> while the mark file is missing (nothing may be read).</summary>
    public long ReadDurableMark() => throw new NotImplementedException();

    /// <summary>Copies bytes from a log offset on, never past the mark as last read from disk.</summary>
    /// <exception cref="EventLogException">The offset is before <see cref="FirstOffset"/> or beyond the mark, or log.json now names another log.</exception>
    public LogRead Read(long offset, Span<byte> destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}
