using RevenueAspire.AppHost.Output;

namespace RevenueAspire.AppHost.Tests.WithoutAspire;

public sealed class PrefixedConsoleTests
{
    [Fact]
    public void Each_line_stands_behind_its_source() =>
        Assert.Equal("api         | one\nprocessor-2 | two\n", Written(colours: false));

    [Fact]
    public void On_a_terminal_each_source_has_its_colour()
    {
        var lines = Written(colours: true).Split('\n');

        Assert.Matches("^\e\\[[0-9]+mapi         \\|\e\\[0m one$", lines[0]);
        Assert.NotEqual(lines[0].Split('m')[0], lines[1].Split('m')[0]);
    }

    private static string Written(bool colours)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        var console = new PrefixedConsole(writer, colours);
        console.Write("api", "one");
        console.Write("processor-2", "two");
        return writer.ToString();
    }
}
