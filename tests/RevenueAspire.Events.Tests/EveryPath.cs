using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>Asks every way there is to judge a line, and fails unless all agree.</summary>
internal static class EveryPath
{
    /// <summary>The answer that Parse, the general path, ParseAndCompact and the oracle share.</summary>
    /// <param name="line">The line.</param>
    /// <param name="types">The known names; the default ones when null.</param>
    /// <param name="which">Where the line comes from, for the message.</param>
    public static Answer Judge(byte[] line, EventTypes? types = null, string which = "")
    {
        var parser = new EventParser(types ?? EventTypes.Default);
        var expected = Oracle.Judge(line, parser.Types.Signs);
        var parsed = Answer.FromParse(parser, line);
        var general = Answer.FromGeneralPath(parser, line);
        var compact = Answer.FromCompact(parser, line);
        if (expected with { Compact = null } != general || parsed != general || expected != compact)
        {
            Assert.Fail($"general path: {general}\nParse:        {parsed}\nParseAndCompact: {compact}\noracle:       {expected}\n{which}: {Show(line)}");
        }

        if (expected.Outcome == ParseOutcome.Event)
        {
            var again = Encoding.Latin1.GetBytes(compact.Compact + "}");
            Assert.False(again.AsSpan().ContainsAny("\r\n"u8), $"The compact form holds a raw newline. {which}: {Show(line)}");
            Assert.True(Answer.FromCompact(parser, again) == compact, $"The compact form is not its own compact form, or another event. {which}: {Show(line)}");
            Assert.True(Answer.FromGeneralPath(parser, again) == parsed, $"The compact form is another event to the general path. {which}: {Show(line)}");
        }

        return expected;
    }

    public static Answer Judge(string line, EventTypes? types = null) => Judge(Encoding.UTF8.GetBytes(line), types);

    private static string Show(byte[] line) => line.Length > 2000 ? $"{line.Length} bytes" : Encoding.Latin1.GetString(line);
}
