using System.Net;
using CliWrap;
using CliWrap.Buffered;

namespace RevenueAspire.Api.Tests.Contract;

/// <summary>Common linters for OpenAPI. <c>.ci/run</c> installs them.</summary>
public sealed class LinterTests : IDisposable
{
    private static readonly string Programs = Path.Combine(Repository.Root, "artifacts/linters/node_modules/.bin");

    /// <summary>Variables that disable the linters' update checks and usage reports.</summary>
    private static readonly Dictionary<string, string?> Quiet = new()
    {
        ["REDOCLY_TELEMETRY"] = "off",
        ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true",
        ["NO_COLOR"] = "1",
    };

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("redocly", "lint", "--extends=recommended")]
    [InlineData("spectral", "lint", "--ruleset=.spectral.yaml", "--fail-on-unmatched-globs")]
    public async Task The_document_has_no_error(string linter, params string[] arguments)
    {
        var program = Path.Combine(Programs, linter);
        Assert.SkipUnless(File.Exists(program), $"{linter} is not installed; .ci/run installs it with npm.");
        await using var api = await ApiHost.StartAsync(_directory);
        await File.WriteAllTextAsync(
            _directory.File("openapi.json"), (await api.GetAsync("/openapi/v1.json", ("Authorization", null))).Expect(HttpStatusCode.OK).Body);
        await File.WriteAllTextAsync(_directory.File(".spectral.yaml"), """extends: ["spectral:oas"]""");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));

        var run = await Cli.Wrap(program).WithArguments([.. arguments, "openapi.json"]).WithWorkingDirectory(_directory.Path).WithEnvironmentVariables(Quiet)
            .WithValidation(CommandResultValidation.None).ExecuteBufferedAsync(limit.Token);

        Assert.True(run.ExitCode == 0, $"{linter} ended with {run.ExitCode}:\n{run.StandardOutput}\n{run.StandardError}");
    }
}
