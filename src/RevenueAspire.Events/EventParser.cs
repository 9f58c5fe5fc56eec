using System.Buffers;
using System.Runtime.CompilerServices;

namespace RevenueAspire.Events;

/// <summary>What became of a line.</summary>
public enum ParseOutcome
{
    /// <summary>A valid event.</summary>
    Event,

    /// <summary>Only white space (or a lone byte order mark): neither an event nor an error.</summary>
    Blank,

    /// <summary>Not an event; see <see cref="ParsedEvent.Reason"/>.</summary>
    Rejected,
}

/// <summary>A parsed line. The spans live until the parser's next call or until the line's buffer changes.</summary>
public readonly ref struct ParsedEvent
{
    /// <summary>1 to 256 bytes of valid UTF-8 without U+0000, unescaped.</summary>
    public ReadOnlySpan<byte> UserId { get; init; }

    /// <summary>The value as sent.</summary>
    public long Value { get; init; }

    /// <summary>1 or -1, from <see cref="EventTypes"/>.</summary>
    public int Sign { get; init; }

    /// <summary>What the event adds to its user's revenue: sign times value, which may not fit in 64 bits.</summary>
    public Int128 Delta => Sign < 0 ? -(Int128)Value : Value;

    /// <summary><see cref="RejectReason.None"/> unless rejected.</summary>
    public RejectReason Reason { get; init; }
}

/// <summary>An event of <see cref="EventParser.TakePlainLines"/>.</summary>
/// <param name="UserIdAt">Where its user id begins in the text.</param>
/// <param name="UserIdLength">Bytes of the user id.</param>
/// <param name="Delta">What it adds to its user's revenue.</param>
public readonly record struct PlainEvent(int UserIdAt, int UserIdLength, long Delta);

/// <summary>Parses one line of JSON to an event, with full validation. Not thread-safe: one instance a thread (it owns scratch memory).</summary>
/// <remarks>JSON as RFC 8259 has it, no comments, no trailing commas, at most <see cref="MaxDepth"/> levels; the line must be valid UTF-8. A byte order mark
/// before the line, CR after it and white space around tokens (also newlines, for a request's body that is parsed as one line) are skipped. Unknown fields are
/// ignored, also duplicate ones; a duplicate <c>userId</c>, <c>name</c> or <c>value</c> is rejected. A plain line takes a fast path with the same
/// answer.</remarks>
public sealed class EventParser(EventTypes types)
{
    /// <summary>Raised whenever the same bytes may parse to another answer; part of <see cref="EventTypes.Fingerprint"/>.</summary>
    public const int Version = 1;

    /// <summary>Levels of nesting, as System.Text.Json counts them by default.</summary>
    public const int MaxDepth = 64;

    /// <summary>Bytes of an unescaped user id.</summary>
    public const int MaxUserIdBytes = 256;

    private readonly byte[] _scratch = new byte[Math.Max(MaxUserIdBytes, EventTypes.MaxNameBytes)];

    /// <summary>The event names that this parser knows.</summary>
    public EventTypes Types { get; } = types;

    /// <summary>Parses a line without its newline. Never throws on input, whatever the bytes; allocates nothing; takes time in
    /// proportion to the line's length.</summary>
    /// <param name="line">The line, of any length: a limit is the caller's to set.</param>
    /// <param name="parsed">The event; for a rejected line only its reason; for a blank one, default.</param>
    public ParseOutcome Parse(ReadOnlySpan<byte> line, out ParsedEvent parsed) =>
        PlainLine.TryParse(line, Types, out parsed, out _) ? ParseOutcome.Event : ParseGeneral(line, out parsed, out _);

    /// <summary>Bytes before the user id in a line that <see cref="TryTakePlainLine"/> takes.</summary>
    public const int PlainUserIdAt = 11;

    /// <summary>Takes a line as programs write it, <c>{"userId":"..","name":"..","value":1}</c> and a newline, from the front of a text of
    /// many lines, without looking for its end first.</summary>
    /// <param name="lines">Any bytes.</param>
    /// <param name="userIdLength">Bytes of the user id, which begins at <see cref="PlainUserIdAt"/>.</param>
    /// <param name="delta">What the event adds to its user's revenue.</param>
    /// <returns>Bytes of the line with its newline; 0 when the text begins with something else, valid or not: then <see cref="Parse"/> tells.
    /// What is taken is what Parse would have said.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int TryTakePlainLine(ReadOnlySpan<byte> lines, out int userIdLength, out long delta) =>
        PlainLine.TakeTemplateLine(lines, Types, out userIdLength, out delta);

    /// <summary>Takes lines as <see cref="TryTakePlainLine"/> does, until one is not plain or there is no place for another event.</summary>
    /// <param name="text">Many lines.</param>
    /// <param name="at">Where to begin in the text, in bytes; moved behind what was taken.</param>
    /// <param name="maxLineBytes">A line with more bytes than that, its newline included, is not taken.</param>
    /// <param name="events">Gets the events.</param>
    /// <returns>Number of events.</returns>
    public int TakePlainLines(ReadOnlySpan<byte> text, ref int at, int maxLineBytes, Span<PlainEvent> events)
    {
        var (count, types) = (0, Types);
        while (count < events.Length && PlainLine.TakeTemplateLine(text[at..], types, out var length, out var delta) is > 0 and var taken
            && taken <= maxLineBytes)
        {
            events[count++] = new PlainEvent(at + PlainUserIdAt, length, delta);
            at += taken;
        }

        return count;
    }

    /// <summary>Parses as <see cref="Parse"/>, and for a valid event also writes it compactly <em>without its closing brace</em>, on one line:
    /// white space between tokens dropped, top-level fields that belong to the server (<see cref="ServerFields"/>) dropped, everything else byte for byte
    /// as sent. Nothing is written for other outcomes. At most the line's length is asked of the buffer writer.</summary>
    public ParseOutcome ParseAndCompact(ReadOnlySpan<byte> line, IBufferWriter<byte> compact, out ParsedEvent parsed)
    {
        ArgumentNullException.ThrowIfNull(compact);
        if (PlainLine.TryParse(line, Types, out parsed, out var template))
        {
            if (template.IsPresent)
            {
                CompactForm.Write(template, compact);
            }
            else
            {
                CompactForm.Write(TrimWhiteSpace(line), compact);
            }

            return ParseOutcome.Event;
        }

        var outcome = ParseGeneral(line, out parsed, out var text);
        if (outcome == ParseOutcome.Event)
        {
            CompactForm.Write(text, compact);
        }

        return outcome;
    }

    /// <summary>Parses any line without the fast path. For a valid event, <paramref name="text"/> is its object without what stands around it.</summary>
    internal ParseOutcome ParseGeneral(ReadOnlySpan<byte> line, out ParsedEvent parsed, out ReadOnlySpan<byte> text)
    {
        text = TrimWhiteSpace(line.StartsWith(ByteOrderMark) ? line[ByteOrderMark.Length..] : line);
        if (text.IsEmpty)
        {
            parsed = default;
            return ParseOutcome.Blank;
        }

        return GeneralLine.Parse(text, Types, _scratch, out parsed);
    }

    /// <summary>White space as JSON has it. A newline cannot stand in a line, but it can in a request's body that is parsed as one.</summary>
    private static ReadOnlySpan<byte> TrimWhiteSpace(ReadOnlySpan<byte> text) => text.Trim(" \t\r\n"u8);

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];
}
