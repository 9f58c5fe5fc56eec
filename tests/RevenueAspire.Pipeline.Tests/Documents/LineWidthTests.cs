using System.Globalization;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>The line width of .editorconfig, which dotnet format does not check.</summary>
public sealed class LineWidthTests
{
    private const string Setting = "max_line_length";

    [Fact]
    public void No_line_of_code_is_wider_than_the_editorconfig_allows()
    {
        var setting = File.ReadLines(Path.Combine(Repository.Root, ".editorconfig")).Single(line => line.StartsWith(Setting, StringComparison.Ordinal));
        var width = int.Parse(setting[(setting.IndexOf('=') + 1)..], NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
        var wide = Code(new DirectoryInfo(Repository.Root)).SelectMany(file => File.ReadLines(file.FullName).Index()
            .Where(line => line.Item.Length > width)
            .Select(line => $"{Path.GetRelativePath(Repository.Root, file.FullName)}:{line.Index + 1}: {line.Item.Length} columns")).ToArray();
        Assert.True(wide.Length == 0, $"Lines of more than {width} columns:\n{string.Join('\n', wide)}");
    }

    /// <summary>All code files except generated ones.</summary>
    private static IEnumerable<FileInfo> Code(DirectoryInfo folder) => folder.EnumerateFiles("*.cs").Concat(
        folder.EnumerateDirectories().Where(inner => inner.Name is not ("bin" or "obj") && !inner.Name.StartsWith('.')).SelectMany(Code));
}
