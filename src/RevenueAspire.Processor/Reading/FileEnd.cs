using RevenueAspire.Events;

namespace RevenueAspire.Processor.Reading;

/// <summary>The part of a file that counts (rule M9). A last line without a newline counts if it is an event; otherwise it counts only when it is
/// complete.</summary>
/// <param name="Length">Number of bytes that count.</param>
/// <param name="Unfinished">The reason why the last line does not count, or <see cref="RejectReason.None"/>.</param>
internal readonly record struct FileEnd(long Length, RejectReason Unfinished)
{
    /// <summary>Whether the last line does not count and ends in zero bytes.</summary>
    public bool EndsInZeros { get; private init; }

    /// <summary>Human-readable reason why the last line does not count.</summary>
    public string Problem => EndsInZeros ? "it ends in zero bytes: the file was preallocated, or a power cut left them" : Unfinished.Describe();

    /// <summary>Finds the end of the part that counts.</summary>
    public static FileEnd Find(FileSourceReader file, EventTypes types) => Find(file, SourceScan.LastLineStart(file, file.ReadEnd()), types);

    /// <summary>Finds the end of the part that counts in a file whose last line starts at <paramref name="start"/>.</summary>
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
