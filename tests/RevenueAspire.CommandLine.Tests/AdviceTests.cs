using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.CommandLine.Tests;

/// <summary>Checks the advice in messages. Code that writes a message may know neither where the log is, nor which other data a folder contains.</summary>
public sealed partial class AdviceTests
{
    [Fact]
    public void No_message_gives_advice_that_loses_the_log_or_counts_it_twice()
    {
        var found = Directory.GetDirectories(Repository.Root, "RevenueAspire.*").Append(Path.Combine(Repository.Root, "src"))
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Where(IsSource)
            .SelectMany(File.ReadLines)
            .Where(line => !IsComment(line.TrimStart()) && DangerousAdvice().IsMatch(line))
            .ToList();

        Assert.Empty(found);
    }

    private static bool IsSource(string path) =>
        Path.GetExtension(path) is ".cs" or ".sql" && !path.Split(Path.DirectorySeparatorChar).Any(folder => folder is "obj" or "bin");

    private static bool IsComment(string line) => line.StartsWith("//", StringComparison.Ordinal) || line.StartsWith("--", StringComparison.Ordinal);

    /// <summary>Matches within string literals of C# or SQL. Dropping a history table is allowed, because it contains only copies of events.</summary>
    [GeneratedRegex(
        """["'][^"]*(empty database|start(ing)? over|empty it|use another database|drop table (?!event_history)|drop the|delete the|without --resume|"""
        + """leave --resume out|[Rr]emove it, or choose)""")]
    private static partial Regex DangerousAdvice();
}
