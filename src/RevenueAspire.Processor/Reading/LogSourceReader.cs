using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>A log, read up to its durable mark.</summary>
internal sealed class LogSourceReader : ISourceReader
{
    /// <summary>The API has accepted what stands in a log, so a line there is never too long for a setting of ours: the limit is above the largest batch.</summary>
    private const int MaxRecordBytes = 64 << 20;

    private readonly IStoredLog _log;

    /// <summary>Takes the log over.</summary>
    public LogSourceReader(IStoredLog log) => _log = log;

    /// <summary>Opens a log in a folder.</summary>
    /// <exception cref="EventLogException">No log there, or a damaged log.json.</exception>
    public static LogSourceReader Open(string directory) => new(FolderLog.Open(directory));

    /// <summary>Opens what stands at the same place now.</summary>
    /// <inheritdoc cref="Open"/>
    public LogSourceReader OpenAgain() => new(_log.OpenAgain());

    /// <inheritdoc cref="IStoredLog.WaitAsync"/>
    public Task WaitAsync(TimeSpan poll, TimeProvider time, CancellationToken cancellationToken) => _log.WaitAsync(poll, time, cancellationToken);

    /// <summary>The log's id, which is its source's id.</summary>
    public Guid LogId => _log.LogId;

    /// <inheritdoc/>
    public SourceKind Kind => SourceKind.Log;

    /// <inheritdoc/>
    public string Name => _log.Name;

    /// <inheritdoc/>
    public int MaxLineBytes => MaxRecordBytes;

    /// <inheritdoc/>
    public long FirstOffset => _log.FirstOffset;

    /// <inheritdoc/>
    public ISourceReader Whole => this;

    /// <inheritdoc/>
    public long ReadEnd()
    {
        try
        {
            return _log.ReadDurableMark();
        }
        catch (EventLogException exception)
        {
            throw Explain(exception);
        }
    }

    /// <inheritdoc cref="IStoredLog.EstimateDurableMark"/>
    public long EstimateEnd() => _log.EstimateDurableMark();

    /// <inheritdoc/>
    public SourceRead Read(long offset, Span<byte> destination)
    {
        try
        {
            var read = _log.Read(offset, destination);
            return read.Count > 0 || read.DamagedThrough > offset
                ? new SourceRead(read.Count, read.DamagedThrough, read.Damage)
                : throw new SourceStoppedException($"{Name}: nothing can be read at offset {offset}, although the durable mark is behind it; restore the log's directory as it was");
        }
        catch (EventLogException exception)
        {
            throw Explain(exception);
        }
    }

    /// <summary>Another log stands there now: that is for good. One that cannot be read may be readable again in a moment.</summary>
    private Exception Explain(EventLogException exception)
    {
        try
        {
            using var now = _log.OpenAgain();
            return new SourceStoppedException(exception.Message, exception);
        }
        catch (EventLogException unreadable)
        {
            return new IOException(unreadable.Message, unreadable);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _log.Dispose();
}
