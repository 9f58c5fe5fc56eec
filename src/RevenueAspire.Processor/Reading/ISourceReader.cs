using RevenueAspire.EventLog;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Reading;

/// <summary>The bytes of a source: a file of fixed length, or a growing log. Hides the storage of events from the rest of the processor. Thread-safe.</summary>
internal interface ISourceReader : IDisposable
{
    /// <summary>Log or file.</summary>
    SourceKind Kind { get; }

    /// <summary>Full path or log name, for messages.</summary>
    string Name { get; }

    /// <summary>Maximum line length in bytes. Longer lines are rejected without being loaded into memory.</summary>
    int MaxLineBytes { get; }

    /// <summary>First offset that still exists.</summary>
    long FirstOffset { get; }

    /// <summary>The same source without a fixed end, to read bytes that other processors have applied. Shares the handles of this
    /// reader: do not dispose it.</summary>
    ISourceReader Whole { get; }

    /// <summary>Ascending offsets at which a line ends, even without a newline: the known lengths of a file (rules M9, M10). Parsers must split the content
    /// there.</summary>
    IReadOnlyList<long> LineEnds => [];

    /// <summary>Offset up to which bytes may be read now: the durable mark of a log, or the fixed length of a file.</summary>
    long ReadEnd();

    /// <summary>SHA-256 of a range if it is known and <see cref="Read"/> returns only the hashed bytes; else empty.</summary>
    ReadOnlyMemory<byte> FindHash(long from, long to) => default;

    /// <summary>Copies bytes, starting at an offset.</summary>
    /// <param name="offset">At least <see cref="FirstOffset"/>, and below the end.</param>
    /// <param name="destination">At least 1 byte. It may be filled only partly.</param>
    /// <exception cref="SourceStoppedException">The bytes no longer exist: the file was truncated, or the log was replaced.</exception>
    /// <exception cref="IOException">The disk failed.</exception>
    /// <returns>Either bytes or damage.</returns>
    LogRead Read(long offset, Span<byte> destination);
}
