using System.Text.RegularExpressions;
using RevenueAspire.Testing;

namespace RevenueAspire.CommandLine.Tests;

/// <summary>Advice in messages. A message does not know whether the log is in files or in the database, and what else is in a folder.</summary>
public sealed partial class AdviceTests
{
    [Fact]
    public void No_message_advises_what_loses_the_log_or_counts_it_twice()
    {
        var found = Directory.EnumerateFiles(Repository.Root, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetExtension(path) is ".cs" or ".sql" && IsOfProduct(Path.GetRelativePath(Repository.Root, path).Replace('\\', '/')))
            .SelectMany(path => File.ReadLines(path).Where(line => DangerousAdvice().IsMatch(line) && !line.TrimStart().StartsWith("//", StringComparison.Ordinal) && !line.TrimStart().StartsWith("--", StringComparison.Ordinal)))
            .ToList();

        Assert.Empty(found);
    }

    private static bool IsOfProduct(string path) =>
        (path.StartsWith("src/", StringComparison.Ordinal) || path.StartsWith("RevenueAspire.", StringComparison.Ordinal)) && !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal);

    /// <summary>Within a literal of C# or SQL.</summary>
    [GeneratedRegex("""["'][^"]*(empty database|start(ing)? over|empty it|use another database|drop table|drop the|delete the|without --resume|leave --resume out|[Rr]emove it, or choose)""")]
    private static partial Regex DangerousAdvice();
}
