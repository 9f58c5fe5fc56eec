using System.Buffers;
using System.Runtime.CompilerServices;

namespace RevenueAspire.Events;

/// <summary>Outcome of parsing a line.</summary>
public enum ParseOutcome
{
    /// <summary>A valid event.</summary>
    Event,

    /// <summary>Only white space or a byte order mark: neither an event nor an error.</summary>
    Blank,

    /// <summary>Not an event; see <see cref="ParsedEvent.Reason"/>.</summary>
    Rejected,
}

/// <summary>A parsed line. Its spans are valid until the parser's next call, or until the line's buffer changes.</summary>
public readonly ref struct ParsedEvent
{
    /// <summary>1 to 256 bytes of valid UTF-8 without U+0000, unescaped.</summary>
    public ReadOnlySpan<byte> UserId { get; init; }

    /// <summary>The value as sent.</summary>
    public long Value { get; init; }

    /// <summary>Index of the event's name in the ordinal order of <see cref="EventTypes.Signs"/>.</summary>
    public int Type { get; init; }

    /// <summary>1 or -1, from <see cref="EventTypes"/>.</summary>
    public int Sign { get; init; }

    /// <summary>Amount that the event adds to its user's revenue: sign times value, which may exceed 64 bits.</summary>
    public Int128 Delta => Sign < 0 ? -(Int128)Value : Value;

    /// <summary><see cref="RejectReason.None"/> unless rejected.</summary>
    public RejectReason Reason { get; init; }
}

/// <summary>An event that <see cref="EventParser.TakePlainLines"/> found.</summary>
/// <param name="UserIdAt">Position of its user id in the text.</param>
/// <param name="UserIdLength">Bytes of the user id.</param>
/// <param name="Delta">The amount that it adds to its user's revenue.</param>
public readonly record struct PlainEvent(int UserIdAt, int UserIdLength, long Delta);

/// <summary>Parses and fully validates one line of JSON as an event. Not thread-safe, because it owns scratch memory: use one instance per thread.</summary>
/// <remarks>
/// <para>JSON as in RFC 8259, without comments and trailing commas, at most <see cref="MaxDepth"/> levels deep. The line must be valid UTF-8. The parser skips
/// a byte order mark before the line, CR after it, and white space around tokens. This includes newlines, because a request body is parsed as one line.</para>
/// <para>Unknown fields are ignored, even if duplicate; a duplicate <c>userId</c>, <c>name</c> or <c>value</c> is rejected. Plain lines take a fast path with
/// the same result.</para>
/// </remarks>
public sealed class EventParser(EventTypes types)
{
    /// <summary>Increased whenever the same bytes may give another result; part of <see cref="EventTypes.Fingerprint"/>.</summary>
    public const int Version = 1;

    /// <summary>Maximum nesting levels, the default of System.Text.Json.</summary>
    public const int MaxDepth = 64;

    /// <summary>Maximum bytes of an unescaped user id.</summary>
    public const int MaxUserIdBytes = 256;

    private readonly byte[] _scratch = new byte[Math.Max(MaxUserIdBytes, EventTypes.MaxNameBytes)];

    /// <summary>The event types that this parser accepts.</summary>
    public EventTypes Types { get; } = types;

    /// <summary>Parses a line without its newline. Never throws, allocates nothing, and takes time proportional to the line's length.</summary>
    /// <param name="line">The line, of any length; the caller sets a limit.</param>
    /// <param name="parsed">The event; for a rejected line, only the reason; for a blank line, default.</param>
    public ParseOutcome Parse(ReadOnlySpan<byte> line, out ParsedEvent parsed) =>
        PlainLine.TryParse(line, Types, out parsed, out _) ? ParseOutcome.Event : ParseGeneral(line, out parsed, out _);

    /// <summary>Bytes before the user id in a line that <see cref="TryTakePlainLine"/> accepts.</summary>
    public const int PlainUserIdAt = 11;

    /// <summary>Takes a compact line <c>{"userId":"..","name":"..","value":1}</c> with its newline from the front of a longer text, without searching for the
    /// line's end first.</summary>
    /// <param name="lines">Any bytes.</param>
    /// <param name="userIdLength">Bytes of the user id, which begins at <see cref="PlainUserIdAt"/>.</param>
    /// <param name="delta">Amount that the event adds to its user's revenue.</param>
    /// <returns>Bytes of the line with its newline; <see cref="Parse"/> would return the same result for it. 0 if the text begins with any other line, valid or
    /// not: pass that line to Parse.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int TryTakePlainLine(ReadOnlySpan<byte> lines, out int userIdLength, out long delta) =>
        PlainLine.TakeTemplateLine(lines, Types, out userIdLength, out delta);

    /// <summary>Takes lines as <see cref="TryTakePlainLine"/> does, until a line is not plain or <paramref name="events"/> is full.</summary>
    /// <param name="text">Many lines.</param>
    /// <param name="at">Position of the first line in the text; afterwards, the position after the last line taken.</param>
    /// <param name="maxLineBytes">A line that is longer than this, including its newline, is not taken.</param>
    /// <param name="events">Receives the events.</param>
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

    /// <summary>Parses like <see cref="Parse"/>, and writes a valid event compactly on one line, <em>without its closing brace</em>. Drops white space between
    /// tokens and top-level server fields (<see cref="ServerFields"/>); all other bytes stay as sent. Writes nothing for other outcomes. Requests at most the
    /// line's length from the buffer writer.</summary>
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

    /// <summary>Parses any line without the fast path. For a valid event, <paramref name="text"/> is its object without surrounding bytes.</summary>
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

    /// <summary>Trims white space as JSON defines it. Newlines occur only in a request body that is parsed as one line.</summary>
    private static ReadOnlySpan<byte> TrimWhiteSpace(ReadOnlySpan<byte> text) => text.Trim(" \t\r\n"u8);

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];
}
