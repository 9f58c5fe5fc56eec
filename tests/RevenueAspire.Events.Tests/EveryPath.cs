using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>Parses a line in every way, and fails unless all results agree.</summary>
internal static class EveryPath
{
    /// <summary>The common result of Parse, the general path, ParseAndCompact and the oracle.</summary>
    /// <param name="line">The line.</param>
    /// <param name="types">The known names; the default ones if null.</param>
    /// <param name="which">Origin of the line, for the failure message.</param>
    public static ParsedLine Judge(byte[] line, EventTypes? types = null, string which = "")
    {
        var parser = new EventParser(types ?? EventTypes.Default);
        var expected = Oracle.Judge(line, parser.Types.Signs);
        var parsed = ParsedLine.FromParse(parser, line);
        var general = ParsedLine.FromGeneralPath(parser, line);
        var compact = ParsedLine.FromCompact(parser, line);
        if (expected with { Compact = null } != general || parsed != general || expected != compact)
        {
            Assert.Fail($"general path: {general}\nParse:        {parsed}\nParseAndCompact: {compact}\noracle:       {expected}\n{which}: {Show(line)}");
        }

        // Test the line near the end of the text, and far from the end, for the path that reads beyond the end of a line.
        JudgePlainLine(parser, line, expected, which, linesBehind: 1);
        JudgePlainLine(parser, line, expected, which, linesBehind: 3);
        if (expected.Outcome == ParseOutcome.Event)
        {
            var again = Encoding.Latin1.GetBytes(compact.Compact + "}");
            Assert.False(again.AsSpan().ContainsAny("\r\n"u8), $"The compact form contains a raw newline. {which}: {Show(line)}");
            Assert.True(
                ParsedLine.FromCompact(parser, again) == compact, $"The compact form changes when it is compacted again. {which}: {Show(line)}");
            Assert.True(ParsedLine.FromGeneralPath(parser, again) == parsed, $"The general path parses the compact form differently. {which}: {Show(line)}");
        }

        return expected;
    }

    public static ParsedLine Judge(string line, EventTypes? types = null) => Judge(Encoding.UTF8.GetBytes(line), types);

    /// <summary>From a text of several lines, TryTakePlainLine must take exactly the first line, with the same result as Parse.</summary>
    private static void JudgePlainLine(EventParser parser, byte[] line, ParsedLine expected, string which, int linesBehind)
    {
        var next = "{\"userId\":\"next\",\"name\":\"add_revenue\",\"value\":5}\n"u8.ToArray();
        byte[] lines = [.. line, (byte)'\n', .. Enumerable.Repeat(next, linesBehind).SelectMany(bytes => bytes)];
        var taken = parser.TryTakePlainLine(lines, out var userIdLength, out var delta);
        if (taken == 0)
        {
            return;
        }

        Assert.True(taken == lines.AsSpan().IndexOf((byte)'\n') + 1, $"{taken} bytes were taken. {which}: {Show(line)}");
        var first = lines.AsSpan(0, taken - 1);
        Assert.True(parser.ParseGeneral(first, out var parsed, out _) == ParseOutcome.Event && parsed.Delta == delta
            && parsed.UserId.SequenceEqual(lines.AsSpan(EventParser.PlainUserIdAt, userIdLength)),
            $"The fast path takes the line, but the general path disagrees. {which}: {Show(line)}");
        Assert.True(taken <= line.Length || expected.Outcome == ParseOutcome.Event, $"Taken, but not an event. {which}: {Show(line)}");
        Assert.Equal(0, parser.TryTakePlainLine(lines.AsSpan(0, taken - 1), out _, out _));

        // A generated line may itself end with a newline. Then a blank line follows it.
        if (parser.Types == EventTypes.Default && taken == line.Length + 1)
        {
            JudgePlainLines(parser, lines, first, parsed, 1 + linesBehind, which);
        }
    }

    /// <summary>TakePlainLines must take all of the lines, if it takes the first one.</summary>
    private static void JudgePlainLines(EventParser parser, byte[] lines, ReadOnlySpan<byte> first, ParsedEvent parsed, int count, string which)
    {
        var (at, events) = (0, new PlainEvent[count + 1]);
        Assert.True(parser.TakePlainLines(lines, ref at, int.MaxValue, events) == count && at == lines.Length, $"Not all are taken. {which}: {Show(lines)}");
        Assert.True(
            events[0].Delta == parsed.Delta && parsed.UserId.SequenceEqual(lines.AsSpan(events[0].UserIdAt, events[0].UserIdLength))
                && events[^2].Delta == 5 && "next"u8.SequenceEqual(lines.AsSpan(events[^2].UserIdAt, events[^2].UserIdLength)),
            $"The events differ. {which}: {Show(lines)}");
        at = 0;
        Assert.True(parser.TakePlainLines(lines, ref at, int.MaxValue, events.AsSpan(0, 1)) == 1 && at == first.Length + 1);
        at = 0;
        Assert.Equal((0, 0), (parser.TakePlainLines(lines, ref at, first.Length, events), at));
    }

    private static string Show(byte[] line) => line.Length > 2000 ? $"{line.Length} bytes" : Encoding.Latin1.GetString(line);
}
