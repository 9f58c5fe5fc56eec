using RevenueAspire.EventLog;

namespace RevenueAspire.Processor.Reading;

/// <summary>A log as an engine keeps it: a folder of files, or rows in the database. Thread-safe.</summary>
internal interface IStoredLog : IDisposable
{
    /// <summary>The log's id, which is its source's id.</summary>
    Guid LogId { get; }

    /// <summary>Where it is, for people, and to find it again: a folder's full path, or <c>postgres:</c> and the id.</summary>
    string Name { get; }

    /// <summary>First offset that is still kept.</summary>
    long FirstOffset { get; }

    /// <summary>Where the durable part ends now.</summary>
    /// <exception cref="EventLogException">The log is gone.</exception>
    /// <exception cref="IOException">It cannot be asked now.</exception>
    long ReadDurableMark();

    /// <summary>About where the durable part ends, for figures: at once, without asking anybody who may keep one waiting.</summary>
    /// <exception cref="EventLogException">The log is gone.</exception>
    /// <exception cref="IOException">It cannot be asked now.</exception>
    long EstimateDurableMark();

    /// <summary>Copies bytes from an offset on, never past the mark.</summary>
    /// <inheritdoc cref="ReadDurableMark"/>
    LogRead Read(long offset, Span<byte> destination);

    /// <summary>Opens what stands at the same place now.</summary>
    /// <exception cref="EventLogException">Nothing that could be read as a log.</exception>
    IStoredLog OpenAgain();

    /// <summary>Waits a moment for something to be appended: as short as looking costs little here.</summary>
    /// <param name="poll">Between two looks at something that is cheap to look at.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task WaitAsync(TimeSpan poll, TimeProvider time, CancellationToken cancellationToken);
}
