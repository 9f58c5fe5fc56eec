using System.Text.Json;
using System.Text.RegularExpressions;
using RevenueAspire.Pipeline.Tests.Documents;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>Colours appear only on a terminal. Standard output has only the result, for scripts.</summary>
public sealed partial class TerminalTests
{
    [Fact]
    public async Task Progress_goes_to_standard_error_and_only_the_result_to_standard_output()
    {
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        var file = EventFile.Write(installation.File("input.jsonl"),
            Seed.Random(nameof(Progress_goes_to_standard_error_and_only_the_result_to_standard_output)), events: 40, users: 5);

        // Send slowly enough that progress, which appears every three seconds, is printed.
        ServiceProcess[] runs =
        [
            installation.Start("RevenueAspire.Client", "send", file.Path, "--rate", "10", "--json"),
            installation.Start("RevenueAspire.Client", "load", "--rate", "20", "--duration", "4s", "--json"),
        ];
        foreach (var run in runs)
        {
            Assert.True(await run.WaitForExitAsync() == 0, run.Output);
            using var json = JsonDocument.Parse(Assert.Single(run.StandardOutput));
            Assert.Equal(0, json.RootElement.GetProperty("exitCode").GetInt32());
            Assert.Matches(@"\d (lines|events)/s, .*\d\d:\d\d:\d\d left", string.Join('\n', run.StandardError));
            Assert.DoesNotContain('\u001b', run.Output);
        }
    }

    [Fact]
    public async Task Colours_appear_on_a_terminal_but_not_with_NO_COLOR()
    {
        Shell.Require("bash", "script");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "script has other options here.");
        await using var installation = await Installation.CreateAsync();
        await installation.StartApiAsync();
        var file = EventFile.Write(
            installation.File("input.jsonl"), Seed.Random(nameof(Colours_appear_on_a_terminal_but_not_with_NO_COLOR)), events: 20, users: 5);
        var terminal = new Dictionary<string, string?>
        {
            ["Client__Url"] = installation.ApiUrl,
            ["Client__Secret"] = Installation.Secret,
            ["Data__Directory"] = installation.File("data"),
            ["FILE"] = file.Path,
            ["TERM"] = "xterm-256color",
            ["NO_COLOR"] = null,
            ["CI"] = null,
        };
        const string Send = "script -qec 'dotnet src/RevenueAspire.Client/bin/Debug/net10.0/RevenueAspire.Client.dll send \"$FILE\" --rate 20' /dev/null";
        var (code, coloured, _) = await Shell.RunAsync(Send, terminal);
        Assert.True(code == 0, coloured);
        Assert.Matches(Colour(), coloured);

        terminal["NO_COLOR"] = "1";
        (code, var plain, _) = await Shell.RunAsync(Send, terminal);
        Assert.True(code == 0, plain);
        Assert.Contains("20 accepted", plain, StringComparison.Ordinal);
        Assert.DoesNotMatch(Colour(), plain);
    }

    /// <summary>An escape sequence that sets a colour.</summary>
    [GeneratedRegex("\u001b\\[([0-9]+;)*(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")]
    private static partial Regex Colour();
}
