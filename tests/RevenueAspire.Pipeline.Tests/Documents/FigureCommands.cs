using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests.Documents;

/// <summary>Runs the commands of docs/performance.md with the shortest possible settings. The results are not measurements.</summary>
internal static class FigureCommands
{
    private static readonly string Benchmarks = Path.Combine(
        Repository.Root, "tests", "RevenueAspire.Benchmarks", "bin", Repository.Configuration, "net10.0", "RevenueAspire.Benchmarks.dll");

    /// <summary>Runs either the commands of a block that need wrk, or all others.</summary>
    public static async Task RunAsync(string block, bool needsWrk)
    {
        Shell.Require(needsWrk ? ["bash", "wrk"] : ["bash"]);
        await using var installation = await Installation.CreateAsync();
        var file = EventFile.Write(installation.File("events.jsonl"), Seed.Random(block), events: 2000, users: 100);
        var commands = DocumentBlock.Named(block).Text.Split('\n').Where(
            line => needsWrk == (line.Contains(" ingest ", StringComparison.Ordinal) || line.Contains(" processor live ", StringComparison.Ordinal))).ToArray();
        Assert.NotEmpty(commands);
        foreach (var command in commands)
        {
            var typed = command
                .Replace("dotnet run -c Release --project tests/RevenueAspire.Benchmarks --", $"dotnet '{Benchmarks}' --quick", StringComparison.Ordinal)
                .Replace(" RevenueAspire.Processor.dll", $" '{Repository.Executable("RevenueAspire.Processor")}'", StringComparison.Ordinal)
                .Replace("events.jsonl", $"'{file.Path}'", StringComparison.Ordinal)
                .Replace("\"Host=...;Username=...\"", "\"$ConnectionStrings__revenuedb\"", StringComparison.Ordinal);
            Assert.DoesNotContain("...", typed, StringComparison.Ordinal);
            var variables = new Dictionary<string, string?> { ["ConnectionStrings__revenuedb"] = installation.ConnectionString };

            // The measured executables search for .NET only in the usual places, but the tests may use another installation.
            if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host)
            {
                variables["DOTNET_ROOT"] = Path.GetDirectoryName(host);
            }

            var run = await Shell.RunAsync(typed, variables, limitSeconds: 240);
            Assert.True(run.Code == 0, $"{typed}\n{run.Output}\n{run.Errors}");
            Assert.NotEmpty(run.Output);
        }
    }
}
