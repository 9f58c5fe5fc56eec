using RevenueAspire.EventLog;

namespace RevenueAspire.Processor.Reading;

/// <summary>A log in a folder.</summary>
internal sealed class FolderLog(EventLogReader reader) : IStoredLog
{
    /// <exception cref="EventLogException">No log there, or a damaged log.json.</exception>
    public static FolderLog Open(string directory) => new(EventLogReader.Open(directory));

    /// <inheritdoc/>
    public Guid LogId => reader.LogId;

    /// <inheritdoc/>
    public string Name => reader.Directory;

    /// <inheritdoc/>
    public long FirstOffset => reader.FirstOffset;

    /// <inheritdoc/>
    public long ReadDurableMark() => reader.ReadDurableMark();

    /// <inheritdoc/>
    /// <remarks>A look is 16 bytes of a file.</remarks>
    public long EstimateDurableMark() => reader.ReadDurableMark();

    /// <inheritdoc/>
    public LogRead Read(long offset, Span<byte> destination) => reader.Read(offset, destination);

    /// <inheritdoc/>
    public IStoredLog OpenAgain() => Open(Name);

    /// <inheritdoc/>
    /// <remarks>A look is 16 bytes of a file.</remarks>
    public Task WaitAsync(TimeSpan poll, TimeProvider time, CancellationToken cancellationToken) => Task.Delay(poll, time, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => reader.Dispose();
}
