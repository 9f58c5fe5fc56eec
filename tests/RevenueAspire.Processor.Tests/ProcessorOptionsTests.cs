using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.Tests;

public sealed class ProcessorOptionsTests
{
    /// <summary>A dry run does not check settings that nobody has set.</summary>
    [Fact]
    public void The_defaults_are_valid() =>
        Assert.True(new AnnotatedOptions<ProcessorOptions>(ProcessorOptions.Section).Validate(null, new ProcessorOptions()).Succeeded);
}
