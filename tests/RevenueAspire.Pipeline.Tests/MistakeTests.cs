using System.Net;
using System.Net.Sockets;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>A user's error gets a readable message and an exit code, never a stack trace.</summary>
public sealed class MistakeTests
{
    [Theory]
    [InlineData("RevenueAspire.Client", 1, "missing.jsonl", "send", "missing.jsonl")]
    [InlineData("RevenueAspire.Client", 1, "directory", "send", "/")]
    [InlineData("RevenueAspire.Client", 2, "FILE", "send")]
    [InlineData("RevenueAspire.Client", 2, "--concurrency", "send", "a.jsonl", "--concurrency", "many")]
    [InlineData("RevenueAspire.Client", 2, "sned", "sned", "a.jsonl")]
    [InlineData("RevenueAspire.Client", 2, "--rate must be a number from 1", "send", "a.jsonl", "--rate", "0")]
    [InlineData("RevenueAspire.Client", 2, "--resume needs a file", "send", "-", "--resume")]
    [InlineData("RevenueAspire.Client", 2, "--users must be a number from 1", "load", "--users", "-1")]
    [InlineData("RevenueAspire.Client", 2, "'tcsh' not recognized. Must be one of: 'bash' 'zsh' 'fish' 'pwsh'", "completion", "tcsh")]
    [InlineData("RevenueAspire.Processor", 2, "'tcsh' not recognized. Must be one of: 'bash' 'zsh' 'fish' 'pwsh'", "completion", "tcsh")]
    [InlineData("RevenueAspire.Processor", 1, "missing.jsonl", "process", "missing.jsonl")]
    [InlineData("RevenueAspire.Processor", 1, "directory", "process", "/")]
    [InlineData("RevenueAspire.Processor", 2, "FILE", "process")]
    [InlineData("RevenueAspire.Processor", 2, "--agian", "process", "a.jsonl", "--agian")]
    [InlineData("RevenueAspire.Processor", 2, "--repair", "verify", "--repair")]
    public async Task A_wrong_command_line_is_reported_by_name(string project, int exitCode, string named, params string[] arguments)
    {
        // If the command line is valid, provide a database, so that the file is the only error.
        await using var installation = exitCode == 2 ? Installation.WithoutDatabase() : await Installation.CreateAsync();
        await using var process = await installation.RunAsync(project, arguments);
        AssertWords(process, exitCode);
        Assert.Contains(named, string.Join('\n', process.StandardError), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RevenueAspire.Client", "send")]
    [InlineData("RevenueAspire.Processor", "process")]
    [InlineData("RevenueAspire.Processor", "verify")]
    public async Task Each_command_has_help(string project, string command)
    {
        await using var installation = Installation.WithoutDatabase();
        await using var help = await installation.RunAsync(project, command, "--help");
        Assert.True(help.ExitCode == 0, help.Output);
        Assert.Contains(command, help.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unavailable_database_is_reported_without_its_password()
    {
        await using var installation = Installation.WithoutDatabase();
        var file = EventFile.Write(
            installation.File("input.jsonl"), Seed.Random(nameof(An_unavailable_database_is_reported_without_its_password)), events: 10, users: 3);
        foreach (var arguments in new string[][] { ["verify"], ["process", file.Path] })
        {
            await using var process = await installation.RunAsync("RevenueAspire.Processor", arguments);
            AssertWords(process, 1);
            Assert.DoesNotContain("not-to-be-shown", process.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_port_in_use_is_one_line_and_exit_code_1()
    {
        await using var installation = Installation.WithoutDatabase();
        using var listener = new TcpListener(IPAddress.Loopback, new Uri(installation.ApiUrl).Port);
        listener.Start();
        await using var api = await installation.RunAsync("RevenueAspire.Api");
        AssertWords(api, 1);
        Assert.Contains($"{new Uri(installation.ApiUrl).Port}", string.Join('\n', api.StandardError), StringComparison.Ordinal);
    }

    private static void AssertWords(ServiceProcess process, int exitCode)
    {
        Assert.True(process.ExitCode == exitCode, $"exit code {process.ExitCode}, expected {exitCode}: {process.Output}");
        Assert.NotEmpty(process.StandardError);
        Assert.DoesNotContain("   at ", string.Join('\n', process.StandardError), StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", process.Output, StringComparison.Ordinal);
    }
}
