using System.Diagnostics;
using System.Text.Json;
using RevenueAspire.Client.CommandLine;
using RevenueAspire.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.Client.Tests;

/// <summary>Closed or full standard streams, and full disks. The command finishes as much as possible, prints one line about the failure, and never
/// crashes.</summary>
public sealed class StreamTests : IDisposable
{
    private const int Lines = 50;

    private readonly TempDirectory _directory = new();

    public StreamTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a POSIX shell.");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("send - --url URL")]
    [InlineData("send - --url URL --json")]
    public async Task A_closed_standard_input_is_reported_in_one_line_with_exit_1(string arguments)
    {
        await using var api = await FakeApi.StartAsync();

        var (code, output, error) = await RunAsync(api, arguments + " <&-");

        Assert.Equal(ExitCodes.NotDone, code);
        Assert.Equal("standard input is closed: nothing can be read from it", Assert.Single(Split(error)));
        Assert.Equal(arguments.EndsWith("--json", StringComparison.Ordinal), output.Contains("\"exitCode\":1", StringComparison.Ordinal));
        Assert.Empty(api.Keys);
    }

    [Theory]
    [InlineData("--help >/dev/full", ExitCodes.NotDone)]
    [InlineData("--version >/dev/full", ExitCodes.NotDone)]
    [InlineData("send --help >&-", ExitCodes.NotDone)]
    [InlineData("load --help | true", ExitCodes.NotDone)]
    [InlineData("completion bash >/dev/full", ExitCodes.NotDone)]
    [InlineData("load --url URL --rate 10 --duration 1s >/dev/full", ExitCodes.NotDone)]
    [InlineData("send --bogus 2>/dev/full", ExitCodes.WrongUsage)]
    [InlineData("--bogus >&- 2>&-", ExitCodes.WrongUsage)]
    public async Task Lost_output_sets_the_exit_code(string arguments, int expected)
    {
        await using var api = await FakeApi.StartAsync();

        var (code, _, error) = await RunAsync(api, arguments);

        Assert.True(code == expected, $"{code}: {error}");
    }

    [Theory]
    [InlineData("send FILE --url URL >&-")]
    [InlineData("send FILE --url URL >/dev/full")]
    [InlineData("send FILE --url URL --json >/dev/full")]
    [InlineData("send FILE --url URL --json | true")]
    [InlineData("send FILE --url URL >&- 2>&-")]
    [InlineData("send FILE --url URL >/dev/full 2>/dev/full")]
    [InlineData("send FILE --url URL 2>&-")]
    [InlineData("send FILE --url URL 2>/dev/full")]
    [InlineData("send FILE --url URL <&- >&- 2>&-")]
    public async Task Every_line_is_sent_once_and_a_lost_result_sets_the_exit_code(string arguments)
    {
        await using var api = await FakeApi.StartAsync();
        // A bad line is reported on standard error, the result on standard output.
        var file = Write("bad");

        var (code, _, _) = await RunAsync(api, arguments.Replace("FILE", file, StringComparison.Ordinal));
        Assert.Equal(ExitCodes.NotDone, code);
        AssertOnce(api);

        var (resumed, output, _) = await RunAsync(api, $"send {file} --url URL --resume");
        Assert.Equal(ExitCodes.SomeRejected, resumed);
        Assert.Contains("an earlier send completed this file", output, StringComparison.Ordinal);
        AssertOnce(api);
        Assert.Equal(["bad"], SendHarness.Rejected(file)!);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" --rate 25")] // The disk is full at a save during the run; no later save may skip the line.
    public async Task A_full_disk_for_rejected_lines_is_reported_in_one_line_and_can_be_resumed(string rate)
    {
        await using var api = await FakeApi.StartAsync();
        var file = Write();
        File.WriteAllLines(file, ["bad", .. SendHarness.Events(Lines)]);
        // Create a device like /dev/full under the file's name.
        using (var mknod = Process.Start("mknod", [file + ".rejected.jsonl", "c", "1", "7"]))
        {
            await mknod.WaitForExitAsync();
            Assert.SkipUnless(mknod.ExitCode == 0, "Only root can create devices.");
        }

        var (code, output, error) = await RunAsync(api, $"send {file} --url URL --json{rate}");

        Assert.True(code == ExitCodes.NotDone, $"{code}: {error}");
        Assert.Contains(
            Split(error),
            line => line.StartsWith($"Rejected lines cannot be written to {file}.rejected.jsonl: No space left on device", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        using var result = JsonDocument.Parse(output);
        Assert.Equal(1, result.RootElement.GetProperty("exitCode").GetInt32());
        Assert.StartsWith("Rejected lines cannot be written", result.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);

        File.Delete(file + ".rejected.jsonl");
        var (resumed, _, _) = await RunAsync(api, $"send {file} --url URL --resume");
        Assert.Equal(ExitCodes.SomeRejected, resumed);
        Assert.Equal(["bad"], SendHarness.Rejected(file)!);
        AssertOnce(api);
    }

    private static void AssertOnce(FakeApi api) => Assert.Equal(SendHarness.Events(Lines).Order(), api.Records.Order());

    private static string[] Split(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private string Write(params string[] bad)
    {
        var file = _directory.File("a.jsonl");
        File.WriteAllLines(file, SendHarness.Events(Lines).Concat(bad));
        return file;
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(FakeApi api, string arguments)
    {
        var program = $"dotnet {Repository.Executable("RevenueAspire.Client")} ";
        var command = "set -o pipefail; " + program + arguments.Replace("URL", api.Url.ToString(), StringComparison.Ordinal);
        var start = new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["Data__Directory"] = _directory.File("data");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} hangs.");
        }

        return (process.ExitCode, await output, await error);
    }
}
