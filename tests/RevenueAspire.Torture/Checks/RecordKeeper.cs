namespace RevenueAspire.Torture.Checks;

/// <summary>
/// Reads the log in files while it grows, to know its records after retention has removed them. Bytes below the mark never change, even when the API dies.
/// </summary>
internal sealed class RecordKeeper : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private readonly string _directory;
    private readonly List<LogRecord> _records = [];
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _stop = new();
    private Exception? _failure;

    /// <param name="directory">The log's folder; it may not exist yet.</param>
    public RecordKeeper(string directory)
    {
        _directory = directory;

        // Use a separate thread: the load keeps the thread pool busy, but retention removes applied segments within seconds.
        _thread = new Thread(Follow) { IsBackground = true, Name = "record keeper" };
        _thread.Start();
    }

    /// <summary>Stops reading and returns all records up to the mark.</summary>
    /// <exception cref="InvalidDataException">The bytes below the mark were not a gapless sequence of records.</exception>
    public IReadOnlyList<LogRecord> Finish()
    {
        _stop.Set();
        _thread.Join();
        if (_failure is not null)
        {
            throw _failure;
        }

        Read();
        return _records;
    }

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    private void Follow()
    {
        try
        {
            while (!_stop.Wait(Pause))
            {
                Read();
            }
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException)
        {
            _failure = failure as InvalidDataException ?? new InvalidDataException(failure.Message, failure);
        }
    }

    private void Read()
    {
        if (Directory.Exists(_directory))
        {
            _records.AddRange(LogFiles.Read(_directory, _records.Count == 0 ? 0 : _records[^1].End));
        }
    }
}
