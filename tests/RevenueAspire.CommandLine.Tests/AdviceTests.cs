using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.CommandLine.Tests;

/// <summary>Advice in messages. A message does not know whether the log is in files or in the database, and what else is in a folder.</summary>
public sealed partial class AdviceTests
{
    [Fact]
    public void No_message_advises_what_loses_the_log_or_counts_it_twice()
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

    /// <summary>Within a literal of C# or SQL.</summary>
    [GeneratedRegex(
        """["'][^"]*(empty database|start(ing)? over|empty it|use another database|drop table|drop the|delete the|without --resume|"""
        + """leave --resume out|[Rr]emove it, or choose)""")]
    private static partial Regex DangerousAdvice();
}
