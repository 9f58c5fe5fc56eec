namespace RevenueAspire.EventLog.Storage;

/// <summary>Finds records while the writer runs, with a reader that is opened on first use. Thread-safe.</summary>
internal sealed class RecordLookup(string directory, IFileSystem files)
{
    private readonly Lock _gate = new();
    private EventLogReader? _reader;
    private bool _isClosed;

    /// <summary>Whether a record begins at an offset below the durable mark.</summary>
    /// <exception cref="EventLogException">The log is gone, or is being closed.</exception>
    /// <exception cref="IOException">The disk refuses.</exception>
    public bool IsRecord(long offset)
    {
        lock (_gate)
        {
            return _isClosed
                ? throw new EventLogException($"{directory}: the log is being closed")
                : (_reader ??= EventLogReader.Open(directory, files)).IsRecord(offset);
        }
    }

    /// <summary>Closes the reader.</summary>
    /// <returns>False if it was already closed.</returns>
    public bool Close()
    {
        lock (_gate)
        {
            _reader?.Dispose();
            return !_isClosed && (_isClosed = true);
        }
    }
}
