using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Nodes;

namespace RevenueAspire.AppHost.Tests.Publishing;

/// <summary>The real Bicep compiler, from its NuGet package.</summary>
internal static class BicepCompiler
{
    private static string Program { get; } =
        typeof(BicepCompiler).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == nameof(BicepCompiler)).Value!
        + (OperatingSystem.IsWindows() ? ".exe" : "");

    /// <summary>Compiles a Bicep file to an Azure template. A compiler error or warning fails the test.</summary>
    public static async Task<JsonObject> BuildAsync(string file) => JsonNode.Parse(await RunAsync("build", file))!.AsObject();

    /// <summary>Compiles a Bicep file together with its parameter values. A missing, unknown or invalid parameter fails the test.</summary>
    public static async Task CheckParametersAsync(string file, IReadOnlyDictionary<string, string> parameters)
    {
        var values = Path.ChangeExtension(file, ".bicepparam");
        var lines = parameters.Select(parameter => $"param {parameter.Key} = '{parameter.Value}'");
        await File.WriteAllLinesAsync(values, [$"using '{Path.GetFileName(file)}'", .. lines]);
        await RunAsync("build-params", values);
    }

    private static async Task<string> RunAsync(string command, string file)
    {
        if (!OperatingSystem.IsWindows() && !File.GetUnixFileMode(Program).HasFlag(UnixFileMode.UserExecute))
        {
            // Set the execute permission, because a package may lose permissions.
            File.SetUnixFileMode(Program, File.GetUnixFileMode(Program) | UnixFileMode.UserExecute);
        }

        using var compiler = Process.Start(new ProcessStartInfo(Program, [command, file, "--stdout"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Run without ICU, which a machine with only the .NET SDK lacks.
            Environment = { ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1" },
        })!;
        var problems = compiler.StandardError.ReadToEndAsync();
        var output = await compiler.StandardOutput.ReadToEndAsync();
        await compiler.WaitForExitAsync();
        // Check the output too, because a warning does not change the exit code.
        Assert.Equal("", await problems);
        Assert.Equal(0, compiler.ExitCode);
        return output;
    }
}
