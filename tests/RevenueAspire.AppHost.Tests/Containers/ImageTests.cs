using System.Diagnostics;
using System.Text.Json;
using RevenueAspire.Testing;

namespace RevenueAspire.AppHost.Tests.Containers;

/// <summary>The settings of the services' images, as the SDK reads them. Building an image would need a registry.</summary>
public sealed class ImageTests
{
    [Theory]
    [InlineData("Api", true)]
    [InlineData("Client", true)]
    [InlineData("Processor", false)]
    public async Task An_image_runs_as_an_unprivileged_user_with_a_writable_data_folder(string service, bool listens)
    {
        var project = Path.Combine(Repository.Root, "src", "RevenueAspire." + service, $"RevenueAspire.{service}.csproj");
        using var build = Process.Start(new ProcessStartInfo("dotnet",
            [
                "msbuild", project,
                "-getProperty:ContainerRepository,ContainerUser,EnableSdkContainerSupport,InvariantGlobalization",
                "-getItem:ContainerEnvironmentVariable,ContainerPort",
            ])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await build.StandardOutput.ReadToEndAsync();
        await build.WaitForExitAsync();
        Assert.True(build.ExitCode == 0, output);

        using var evaluated = JsonDocument.Parse(output);
        var properties = evaluated.RootElement.GetProperty("Properties");
        var items = evaluated.RootElement.GetProperty("Items");
        Assert.Equal("revenueaspire-" + service.ToLowerInvariant(), properties.GetProperty("ContainerRepository").GetString());
        Assert.Equal("1654", properties.GetProperty("ContainerUser").GetString());
        Assert.Equal("true", properties.GetProperty("EnableSdkContainerSupport").GetString());
        Assert.Equal("true", properties.GetProperty("InvariantGlobalization").GetString());
        var environment = items.GetProperty("ContainerEnvironmentVariable").EnumerateArray()
            .ToDictionary(item => item.GetProperty("Identity").GetString()!, item => item.GetProperty("Value").GetString());
        Assert.Equal("/home/app/data", environment["Data__Directory"]);
        Assert.Equal(listens ? "8080" : null, environment.GetValueOrDefault("ASPNETCORE_HTTP_PORTS"));
        Assert.Equal(listens ? 1 : 0, items.GetProperty("ContainerPort").GetArrayLength());
    }
}
