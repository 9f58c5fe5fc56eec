using RevenueAspire.CommandLine;

namespace RevenueAspire.Processor.Tests;

public sealed class ProcessorOptionsTests
{
    /// <summary>The defaults must be valid, since a dry run does not validate settings.</summary>
    [Fact]
    public void The_defaults_are_valid() =>
        Assert.True(new AnnotatedOptions<ProcessorOptions>(ProcessorOptions.Section).Validate(null, new ProcessorOptions()).Succeeded);
}
