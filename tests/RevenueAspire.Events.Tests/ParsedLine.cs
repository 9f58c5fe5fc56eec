using System.Buffers;

namespace RevenueAspire.Events.Tests;

/// <summary>A parser's result in a form that can be compared and printed.</summary>
internal sealed record ParsedLine(ParseOutcome Outcome, RejectReason Reason, string? UserIdHex, long Value, int Sign, string? Compact = null)
{
    public static ParsedLine Blank { get; } = new(ParseOutcome.Blank, RejectReason.None, null, 0, 0);

    public static ParsedLine Rejected(RejectReason reason) => new(ParseOutcome.Rejected, reason, null, 0, 0);

    public static ParsedLine Of(ParseOutcome outcome, in ParsedEvent parsed) =>
        new(outcome, parsed.Reason, outcome == ParseOutcome.Event ? Convert.ToHexString(parsed.UserId) : null, parsed.Value, parsed.Sign);

    public static ParsedLine FromParse(EventParser parser, ReadOnlySpan<byte> line)
    {
        var outcome = parser.Parse(line, out var parsed);
        return Of(outcome, parsed);
    }

    public static ParsedLine FromGeneralPath(EventParser parser, ReadOnlySpan<byte> line)
    {
        var outcome = parser.ParseGeneral(line, out var parsed, out _);
        return Of(outcome, parsed);
    }

    /// <summary>The result of ParseAndCompact, with its output as Latin-1 (which shows each byte).</summary>
    public static ParsedLine FromCompact(EventParser parser, ReadOnlySpan<byte> line)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var outcome = parser.ParseAndCompact(line, buffer, out var parsed);
        return Of(outcome, parsed) with { Compact = System.Text.Encoding.Latin1.GetString(buffer.WrittenSpan) };
    }
}
