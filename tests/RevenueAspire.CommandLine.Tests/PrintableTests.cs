namespace RevenueAspire.CommandLine.Tests;

public sealed class PrintableTests
{
    [Theory]
    [InlineData("events.jsonl", "events.jsonl")]
    [InlineData("ä😀 b", "ä😀 b")]
    [InlineData("a\nb\r\t", "a\\nb\\r\\t")]
    [InlineData("\u001b[2Jx\u007f\u009b", "\\u001b[2Jx\\u007f\\u009b")]
    [InlineData("a\u2028\u202egpj.exe", "a\\u2028\\u202egpj.exe")]
    public void Escape_leaves_no_character_that_affects_a_terminal(string text, string expected) => Assert.Equal(expected, Printable.Escape(text));
}
