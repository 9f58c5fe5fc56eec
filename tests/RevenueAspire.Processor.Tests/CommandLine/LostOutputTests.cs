using System.Text.Json;
using RevenueAspire.Processor.Tests.Support;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.CommandLine;

/// <summary>
/// Standard streams that are closed or full: the work is finished and counted once, and the exit code shows that the result could not be reported.
/// </summary>
public sealed class LostOutputTests
{
    private const string Program = "RevenueAspire.Processor";

    [Theory]
    [InlineData(">&-")]
    [InlineData(">/dev/full")]
    [InlineData("2>&- >&-")]
    [InlineData(">/dev/full 2>&1")]
    [InlineData("<&- >&- 2>&-")]
    [InlineData("> >(true)")]
    public async Task Process_finishes_and_exits_with_1_and_a_second_run_counts_nothing(string redirections)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /dev/full.");
        await using var ledger = await LedgerFixture.CreateAsync();
        var file = new EventFile().Add("a", 1).Reject("oops").Add("b", 2);
        var path = ledger.Write("events.jsonl", file.Bytes);
        for (var run = 0; run < 2; run++)
        {
            await using var lost = await RunAsync(ledger, redirections, "process", path);
            Assert.True(lost.ExitCode == 1, $"{lost.ExitCode}: {lost.Output}");
            Assert.DoesNotContain("   at ", lost.Output, StringComparison.Ordinal);
            await ledger.AssertBalancesAsync(file);
        }

        Assert.Equal([2L], await ledger.RejectedLinesAsync());
    }

    [Fact]
    public async Task A_lost_note_on_standard_error_changes_the_exit_code_but_a_closed_unused_stream_does_not()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /dev/full.");
        await using var ledger = await LedgerFixture.CreateAsync();
        var good = ledger.Write("good.jsonl", new EventFile().Add("a", 1).Bytes);
        var bad = ledger.Write("bad.jsonl", new EventFile().Add("a", 1).Reject("oops").Bytes);
        await using var silent = await RunAsync(ledger, "2>&-", "process", good);
        Assert.Equal(0, silent.ExitCode);
        foreach (var redirections in (string[])["2>&-", "2>/dev/full"])
        {
            await using var lost = await RunAsync(ledger, redirections, "process", bad);
            Assert.Equal(1, lost.ExitCode);
            Assert.Contains("bad.jsonl", lost.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Verify_that_finds_a_difference_exits_with_3_even_if_it_cannot_print_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /dev/full.");
        await using var ledger = await LedgerFixture.CreateAsync();
        await ledger.ProcessAsync(ledger.Write("events.jsonl", new EventFile().Add("a", 1).Bytes));
        await using (var equal = await RunAsync(ledger, ">/dev/full", "verify"))
        {
            Assert.Equal(1, equal.ExitCode);
            Assert.Contains("could not be reported", Assert.Single(equal.StandardError), StringComparison.Ordinal);
        }

        await ledger.ExecuteAsync("update users_revenue set revenue = 2");
        await using var differs = await RunAsync(ledger, ">/dev/full", "verify");
        Assert.Equal(3, differs.ExitCode);
    }

    [Fact]
    public async Task Help_that_cannot_be_written_exits_with_1()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /dev/full.");
        foreach (var arguments in (string[][])[["--help"], ["--version"], ["process", "--help"], ["completion", "bash"]])
        {
            await using var help = await RunAsync(null, ">/dev/full", arguments);
            Assert.True(help.ExitCode == 1, $"{string.Join(' ', arguments)}: {help.ExitCode}");
            Assert.Single(help.StandardError);
        }

        await using var usage = await RunAsync(null, "2>/dev/full", "process", "--bogus");
        Assert.Equal(2, usage.ExitCode);
    }

    [Theory]
    [InlineData("<&-")]
    [InlineData("<&- 2>&1")]
    public async Task A_closed_standard_input_is_reported_in_one_line_and_exits_with_1(string redirections)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The test needs a closed descriptor, as on Linux.");
        await using var run = await RunAsync(null, redirections, "process", "--dry-run", "-", "--json");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(run.Output.Split('\n'), line => line == "standard input is closed: nothing can be read from it");
        using var json = JsonDocument.Parse(run.StandardOutput[^1]);
        Assert.Equal("standard input is closed: nothing can be read from it", json.RootElement.GetProperty("errors")[0].GetString());
    }

    [Fact]
    public async Task A_failing_thread_ends_the_program_with_1_and_one_line_that_names_the_report()
    {
        await using var run = await RunAsync(null, null, "process", "--dry-run", "-");
        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Output}");
        var line = Assert.Single(run.StandardError);
        Assert.StartsWith("A bug in RevenueAspire.Processor: InvalidOperationException: a bug of the test. ", line, StringComparison.Ordinal);
        var report = line[(line.IndexOf("The report is in ", StringComparison.Ordinal) + "The report is in ".Length)..];
        Assert.Contains("   at ", await File.ReadAllTextAsync(report), StringComparison.Ordinal);
        File.Delete(report);
    }

    private static Task<ServiceProcess> RunAsync(LedgerFixture? ledger, string? redirections, params string[] arguments) => ServiceProcess.RunAsync(
        Program,
        arguments,
        new Dictionary<string, string?>
        {
            ["ConnectionStrings__revenuedb"] = ledger?.ConnectionString,
            ["Data__Directory"] = ledger?.Folder.Path ?? Path.GetTempPath(),

            // A pipe that never ends as standard input, and a thread that fails.
            ["DOTNET_STARTUP_HOOKS"] = redirections is null ? typeof(LostOutputTests).Assembly.Location : null,
        },
        redirections: redirections ?? "< <(sleep 20 2>/dev/null)");
}
