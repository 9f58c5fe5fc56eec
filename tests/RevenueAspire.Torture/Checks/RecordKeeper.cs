namespace RevenueAspire.Torture.Checks;

/// <summary>
/// Reads the log in files while it grows, so that its records are known when retention has removed them: what is below the mark stays as it is,
/// whatever happens to the API.
/// </summary>
internal sealed class RecordKeeper : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private readonly string _directory;
    private readonly List<LogRecord> _records = [];
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _stop = new();
    private Exception? _failure;

    /// <param name="directory">Of the log, which need not be there yet.</param>
    public RecordKeeper(string directory)
    {
        _directory = directory;

        // Not of the pool, which the load keeps busy: what retention leaves behind the ledger is gone after some seconds.
        _thread = new Thread(Follow) { IsBackground = true, Name = "record keeper" };
        _thread.Start();
    }

    /// <summary>All records up to the mark.</summary>
    /// <exception cref="InvalidDataException">What was there below the mark was no sequence of records without a gap.</exception>
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
