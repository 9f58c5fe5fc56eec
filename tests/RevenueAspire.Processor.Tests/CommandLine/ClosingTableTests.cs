using RevenueAspire.Processor.CommandLine;
using RevenueAspire.Processor.Processing;

namespace RevenueAspire.Processor.Tests.CommandLine;

public sealed class ClosingTableTests
{
    [Fact]
    public void Columns_are_as_wide_as_their_longest_value()
    {
        var table = ClosingTable.Format(
            [
                new ProcessOutcome("a.jsonl", "counted", 1_234_567, 12, true, 0, 101_000_000, TimeSpan.FromSeconds(2), []),
                new ProcessOutcome("folder/long name.jsonl", "already counted", 0, 3, false, 2, 0, TimeSpan.Zero, []),
            ],
            fullPaths: true);
        Assert.Equal(
            """
              File                    Result              Events      Users  Rejected     MB  MB/s    Time
              ----------------------  ---------------  ---------  ---------  --------  -----  ----  ------
              a.jsonl                 counted          1,234,567         12         0  101.0  50.5  2.00 s
              folder/long name.jsonl  already counted          0  at most 3         2    0.0   0.0  0.00 s

            """,
            table,
            ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void A_terminal_shows_the_name_without_its_folder()
    {
        var table = ClosingTable.Format([new ProcessOutcome("folder/a.jsonl", "counted", 1, 1, true, 0, 1, TimeSpan.Zero, [])], fullPaths: false);
        Assert.DoesNotContain("folder", table, StringComparison.Ordinal);
        Assert.Contains("  a.jsonl  ", table, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_with_control_characters_cannot_add_lines()
    {
        var table = ClosingTable.Format([new ProcessOutcome("a\n\u001b[31mb\u007fc\u0085d", "counted", 1, 1, true, 0, 1, TimeSpan.Zero, [])], fullPaths: true);
        Assert.Contains("  a\\n\\u001b[31mb\\u007fc\\u0085d  ", table, StringComparison.Ordinal);
        Assert.Equal(3, table.Count(c => c == '\n'));
    }
}
