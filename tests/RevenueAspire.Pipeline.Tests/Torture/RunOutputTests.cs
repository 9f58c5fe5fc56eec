using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Torture;

/// <summary>The torture tool when its standard output fails.</summary>
public sealed class RunOutputTests
{
    [Theory]
    [InlineData("--minutes", "5", "--faults", "none")]
    [InlineData("fuzz", "--minutes", "5")]
    [InlineData("soak", "--minutes", "5")]
    public async Task Standard_output_on_a_full_disk_is_one_line_and_exit_1(params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /dev/full.");
        var program = typeof(RevenueAspire.Torture.RunFolder).Assembly.Location;
        await using var run = await ServiceProcess.RunAsync(program, arguments, redirections: ">/dev/full");
        Assert.Equal(1, run.ExitCode);
        Assert.Equal("Standard output cannot be written (No space left on device): the run was stopped.", run.Output.Split(" : ")[0]);
    }
}
