using System.Diagnostics;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>The bash script completes what is typed, by asking the program; the others are at least understood by their shells, where those are installed.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("RevenueAspire.Client", "RevenueAspire.Client se", "send")]
    [InlineData("RevenueAspire.Client", "RevenueAspire.Client load --u", "--url --users")]
    [InlineData("RevenueAspire.Client", "RevenueAspire.Client load --skew z", "zipf")]
    [InlineData("RevenueAspire.Client", "RevenueAspire.Client send file.jsonl --res", "--resume")]
    [InlineData("RevenueAspire.Client", "RevenueAspire.Client send file", "")]
    [InlineData("RevenueAspire.Client", "RevenueAspire.Client completion b", "bash")]
    [InlineData("RevenueAspire.Processor", "RevenueAspire.Processor process x --dr", "--dry-run")]
    [InlineData("RevenueAspire.Processor", "RevenueAspire.Processor v", "verify")]
    public void The_bash_script_completes(string program, string typed, string completed)
    {
        Assert.SkipUnless(Find("bash") is not null, "There is no bash.");

        // As bash calls a completion: the line, the position, its words, the word under the cursor.
        const string Complete =
            """
            source <("$PROGRAM" completion bash) || exit 9
            read -ra COMP_WORDS <<< "$TYPED"
            COMP_WORDS[0]="$PROGRAM"
            COMP_LINE="$TYPED" COMP_POINT=${#TYPED} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            function=$(complete -p "$NAME" | sed 's/.*-F \([^ ]*\) .*/\1/')
            "$function"
            echo "${COMPREPLY[*]}"
            """;
        var (code, output) = Run("bash", ["-c", Complete], new() { ["PROGRAM"] = Executable(program), ["NAME"] = program, ["TYPED"] = typed });

        Assert.Equal((0, completed), (code, output.Trim()));
    }

    [Theory]
    [InlineData("bash", "-n")]
    [InlineData("zsh", "-n")]
    [InlineData("fish", "--no-execute")]
    [InlineData("pwsh", "-NoProfile", "-Command", "[void][scriptblock]::Create([IO.File]::ReadAllText($env:SCRIPT))")]
    public void The_shell_understands_its_script(string shell, params string[] check)
    {
        Assert.SkipUnless(Find(shell) is not null, $"There is no {shell}.");
        using var directory = new TempDirectory();
        var script = directory.File("completion");
        var (_, text) = Run(Executable("RevenueAspire.Client"), ["completion", shell], []);
        Assert.Contains("RevenueAspire.Client", text, StringComparison.Ordinal);
        File.WriteAllText(script, text);

        Assert.Equal((0, ""), Run(shell, shell == "pwsh" ? check : [.. check, script], new() { ["SCRIPT"] = script }));
    }

    /// <summary>The program as a person calls it.</summary>
    private static string Executable(string program) => Path.ChangeExtension(Repository.Executable(program), OperatingSystem.IsWindows() ? ".exe" : null);

    private static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static (int Code, string Output) Run(string program, string[] arguments, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        // A program's own executable looks for .NET where it is usually installed; the tests may run on another one.
        if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host)
        {
            start.Environment["DOTNET_ROOT"] = Path.GetDirectoryName(host);
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }
}
