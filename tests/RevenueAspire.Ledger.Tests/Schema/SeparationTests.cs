using RevenueAspire.Testing;

namespace RevenueAspire.Ledger.Tests;

/// <summary>The log and the ledger are independent of each other, even in SQL.</summary>
public sealed class SeparationTests
{
    [Fact]
    public void No_source_file_names_tables_of_both_the_log_and_the_ledger()
    {
        var files = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories).ToDictionary(
            file => file, File.ReadAllText);

        Assert.Contains(files.Values, text => text.Contains("event_log", StringComparison.Ordinal));
        Assert.Empty(files.Where(file => file.Value.Contains("event_log", StringComparison.Ordinal)
            && (file.Value.Contains("event_source", StringComparison.Ordinal) || file.Value.Contains("users_revenue", StringComparison.Ordinal)))
            .Select(file => Path.GetRelativePath(Repository.Root, file.Key)));
    }
}
