using RevenueAspire.Events;

namespace RevenueAspire.Processor.Reading;

/// <summary>How much of a file counts (rule M9): a last line without newline counts when it is an event, else it is left for the time when it is
/// completed.</summary>
/// <param name="Length">Bytes that count.</param>
/// <param name="Unfinished">Why the last line does not count, or <see cref="RejectReason.None"/>.</param>
internal readonly record struct FileEnd(long Length, RejectReason Unfinished)
{
    /// <summary>The last line, which does not count, ends in zero bytes.</summary>
    public bool EndsInZeros { get; private init; }

    /// <summary>Why the last line does not count, for people.</summary>
    public string Problem => EndsInZeros ? "it ends in zero bytes: the file was allocated in advance, or a power cut has left them" : Unfinished.Describe();

    /// <summary>Looks at the end of a file.</summary>
    public static FileEnd Find(FileSourceReader file, EventTypes types) => Find(file, SourceScan.LastLineStart(file, file.ReadEnd()), types);

    /// <summary>Looks at the end of a file whose last line begins at <paramref name="start"/>.</summary>
    public static FileEnd Find(FileSourceReader file, long start, EventTypes types)
    {
        var end = file.ReadEnd();
        if (start == end)
        {
            return new FileEnd(end, RejectReason.None);
        }

        Span<byte> last = stackalloc byte[1];
        SourceScan.Fill(file, end - 1, last);
        var zeros = last[0] == 0;
        if (end - start > file.MaxLineBytes)
        {
            return new FileEnd(start, RejectReason.TooLong) { EndsInZeros = zeros };
        }

        var line = new byte[end - start];
        SourceScan.Fill(file, start, line);
        return new EventParser(types).Parse(line, out var parsed) switch
        {
            ParseOutcome.Event => new FileEnd(end, RejectReason.None),
            ParseOutcome.Blank => new FileEnd(start, RejectReason.None),
            _ => new FileEnd(start, parsed.Reason) { EndsInZeros = zeros },
        };
    }
}
