using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>The bytes of a source: a file of a fixed length, or a log that grows. Thread-safe. All that the processor knows of where events are kept.</summary>
internal interface ISourceReader : IDisposable
{
    /// <summary>Log or file.</summary>
    SourceKind Kind { get; }

    /// <summary>Full path, for people.</summary>
    string Name { get; }

    /// <summary>Bytes of the longest line that is parsed; longer ones are rejected without being held.</summary>
    int MaxLineBytes { get; }

    /// <summary>First offset that is still kept.</summary>
    long FirstOffset { get; }

    /// <summary>The same source without a fixed end, to read bytes that other processors have applied. Shares the handles of this
    /// reader: do not dispose it.</summary>
    ISourceReader Whole { get; }

    /// <summary>Offsets, ascending, at which a line ends although no newline need stand there: a file's known lengths (rules M9, M10). A reader
    /// of the content cuts it there.</summary>
    IReadOnlyList<long> LineEnds => [];

    /// <summary>Offset up to which may be read now: a log's durable mark, or the file's length as it was fixed at the beginning.</summary>
    long ReadEnd();

    /// <summary>SHA-256 of a range where it is known, and where <see cref="Read"/> gives no other bytes; else empty.</summary>
    ReadOnlyMemory<byte> FindHash(long from, long to) => default;

    /// <summary>Copies bytes from an offset on.</summary>
    /// <param name="offset">From <see cref="FirstOffset"/> to before the end.</param>
    /// <param name="destination">At least 1 byte; filled as far as possible at once, which may be less than its length.</param>
    /// <exception cref="SourceStoppedException">The bytes are gone: the file was truncated, the log was replaced...</exception>
    /// <exception cref="IOException">The disk failed.</exception>
    /// <returns>Bytes, or damage: never neither.</returns>
    LogRead Read(long offset, Span<byte> destination);
}
