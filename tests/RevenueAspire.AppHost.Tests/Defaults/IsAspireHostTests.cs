using System.Diagnostics;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Defaults;

/// <summary>azd and aspire ask the project what it is before anything was built or restored.</summary>
public sealed class IsAspireHostTests
{
    [Fact]
    public async Task Before_the_feed_was_asked_the_project_is_an_AppHost_of_the_version_that_it_asks_for()
    {
        using var folder = new TempDirectory();
        using var msbuild = Process.Start(new ProcessStartInfo(
            "dotnet",
            [
                "msbuild",
                Path.Combine(Repository.Root, "RevenueAspire.AppHost", "RevenueAspire.AppHost.csproj"),
                "-getProperty:IsAspireHost,AspireHostingSDKVersion,AspireVersion,AspireAvailable",
                // A clone that nobody has built has no marker.
                "-p:AspireMarkerFile=" + folder.File("none.props"),
            ])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await msbuild.StandardOutput.ReadToEndAsync();
        await msbuild.WaitForExitAsync();

        Assert.True(msbuild.ExitCode == 0, output);
        using var answer = JsonDocument.Parse(output);
        var properties = answer.RootElement.GetProperty("Properties");
        Assert.Equal("", properties.GetProperty("AspireAvailable").GetString());
        Assert.Equal("true", properties.GetProperty("IsAspireHost").GetString());
        Assert.Equal(properties.GetProperty("AspireVersion").GetString(), properties.GetProperty("AspireHostingSDKVersion").GetString());
    }
}
