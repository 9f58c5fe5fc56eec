using System.Diagnostics;
using System.Text.Json;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Tests;

/// <summary>A file's name may contain newlines and escape sequences. None of them affects a terminal, wherever the name is printed.</summary>
public sealed class FileNameTests : IDisposable
{
    private const string Name = "a\u001b[31m\n'b\\\u202e.jsonl";
    private const string Printed = @"a\u001b[31m\n'b\\u202e.jsonl";

    private readonly SendHarness _client = new();

    public FileNameTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names.");

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData("send", Name)]
    [InlineData("send", Name, "--resume")]
    [InlineData("send", Name, Name)]
    [InlineData("send", "-" + Name)]
    [InlineData("send", "x", "--url", Name)]
    [InlineData("load", "--url", Name)]
    public async Task Errors_and_wrong_usage_print_the_name_escaped(params string[] arguments)
    {
        Assert.NotEqual(ExitCodes.Done, await _client.RunAsync(arguments));

        AssertPrintable();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bad_lines_a_summary_and_a_finished_run_print_the_name_escaped(bool isInteractive)
    {
        await using var api = await FakeApi.StartAsync();
        _client.IsInteractive = isInteractive;
        var file = _client.Write(Name, "bad", SendHarness.Event(1));

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file));
        AssertPrintable(isInteractive);
        Assert.Contains(Printed, _client.Out, StringComparison.Ordinal);
        Assert.Contains(Printed, _client.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.SomeRejected, await _client.SendAsync(api, file, "--resume"));
        AssertPrintable(isInteractive);
        Assert.Contains(Printed, _client.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_contains_the_exact_name_without_control_characters()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write(Name, SendHarness.Event(1));

        Assert.Equal(ExitCodes.Done, await _client.SendAsync(api, file, "--json"));

        AssertPrintable();
        using var result = JsonDocument.Parse(_client.Out);
        Assert.Equal(file, result.RootElement.GetProperty("files")[0].GetProperty("file").GetString());
    }

    [Fact]
    public async Task The_command_to_continue_quotes_the_file_for_a_shell()
    {
        await using var api = await FakeApi.StartAsync();
        var file = _client.Write(Name, SendHarness.Events(10));
        api.Before = (_, number) =>
        {
            if (number == 2)
            {
                _client.Stop.Cancel();
            }

            return Task.FromResult(false);
        };

        Assert.Equal(ExitCodes.NotDone, await _client.SendAsync(api, file, "--concurrency", "1"));

        AssertPrintable();
        const string Command = "Continue with: RevenueAspire.Client send ";
        var line = _client.Error.Split('\n').Single(line => line.Contains(Command, StringComparison.Ordinal));
        var word = line[(line.IndexOf(Command, StringComparison.Ordinal) + Command.Length)..line.IndexOf(" --url", StringComparison.Ordinal)];
        var start = new ProcessStartInfo("bash", ["-c", $"printf %s {word}"]) { RedirectStandardOutput = true, Environment = { ["LC_ALL"] = "C.UTF-8" } };
        using var bash = Process.Start(start)!;
        Assert.Equal(file, await bash.StandardOutput.ReadToEndAsync());
        await bash.WaitForExitAsync();
    }

    private void AssertPrintable(bool isInteractive = false)
    {
        foreach (var line in (_client.Out + _client.Error).Split('\n'))
        {
            Assert.DoesNotContain('\u202e', line);
            Assert.False(line.StartsWith('\'') || line.Contains("\u001b[31m\n", StringComparison.Ordinal), line);
            Assert.True(isInteractive || !line.Any(char.IsControl), line);
        }
    }
}
