using CliWrap;
using CliWrap.Buffered;
using RevenueAspire.Pipeline.Tests.Documents;
using RevenueAspire.Testing;

namespace RevenueAspire.Pipeline.Tests;

/// <summary>
/// The completion scripts in each installed shell, which call the program to complete words. For PowerShell, only the syntax is checked.
/// </summary>
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
        Shell.Require("bash");

        // Call the completion function as bash does, with the line, the cursor position, the words and the current word.
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

    [Fact]
    public void The_fish_script_completes()
    {
        Shell.Require("fish");
        const string Complete =
            """
            set -x PATH $FOLDER $PATH
            RevenueAspire.Client completion fish | source
            for typed in "RevenueAspire.Client se" "RevenueAspire.Client load --u" "RevenueAspire.Client load --skew z" \
                    "RevenueAspire.Client completion b" "RevenueAspire.Client send a-fi"
                echo (complete -C "$typed" | string split -f1 \t | string join ' ')
            end
            """;
        using var directory = new TempDirectory();
        foreach (var name in (string[])["a-file.jsonl", "bash.jsonl"])
        {
            File.WriteAllText(directory.File(name), "");
        }

        // File names must be completed only where a command takes a file.
        var (code, output) =
            Run("fish", ["--no-config", "-c", Complete], new() { ["FOLDER"] = Folder("RevenueAspire.Client"), ["HOME"] = directory.Path }, directory.Path);
        Assert.Equal((0, "send\n--url --users\nzipf\nbash\na-file.jsonl\n"), (code, output));
    }

    [Fact]
    public void The_zsh_script_completes()
    {
        Shell.Require("zsh");

        // Runs a shell in a separate terminal, and sends the tab key. The script waits at most a minute for each answer.
        const string Complete =
            """
            zmodload zsh/zpty
            path=($FOLDER $path)
            zpty -b shell zsh -f -i
            wait_for() {
              local seen= chunk
              for _ in {1..1200}; do
                while zpty -r -t shell chunk; do seen+=$chunk; done
                [[ $seen == *$~1* ]] && { echo "found $1"; return }
                sleep 0.05
              done
              echo "no $1 in ${(q)seen}"
            }
            zpty -w shell "autoload -Uz compinit; compinit -u -D; source <(RevenueAspire.Client completion zsh); echo rea''dy"
            wait_for ready
            zpty -w -n shell $'RevenueAspire.Client load --sk\t'
            wait_for --skew
            zpty -w -n shell $'\x15RevenueAspire.Client se\t'
            wait_for send
            zpty -w -n shell $'\x15RevenueAspire.Client load --u\t'
            wait_for '--url*--users'
            zpty -w -n shell $'\x15RevenueAspire.Client send a-fi\t'
            wait_for a-file.jsonl
            zpty -d shell
            """;
        using var directory = new TempDirectory();
        File.WriteAllText(directory.File("a-file.jsonl"), "");
        var (code, output) = Run("zsh", ["-f", "-c", Complete],
            new() { ["FOLDER"] = Folder("RevenueAspire.Client"), ["HOME"] = directory.Path, ["TERM"] = "xterm" }, directory.Path);
        Assert.Equal((0, "found ready\nfound --skew\nfound send\nfound --url*--users\nfound a-file.jsonl\n"), (code, output));
    }

    [Theory]
    [InlineData("bash", "-n")]
    [InlineData("zsh", "-n")]
    [InlineData("fish", "--no-execute")]
    [InlineData("pwsh", "-NoProfile", "-Command", "[void][scriptblock]::Create([IO.File]::ReadAllText($env:SCRIPT))")]
    public void The_shell_accepts_the_syntax_of_its_script(string shell, params string[] check)
    {
        Shell.Require(shell);
        using var directory = new TempDirectory();
        var script = directory.File("completion");
        var (_, text) = Run(Executable("RevenueAspire.Client"), ["completion", shell], []);
        Assert.Contains("RevenueAspire.Client", text, StringComparison.Ordinal);
        File.WriteAllText(script, text);

        Assert.Equal((0, ""), Run(shell, shell == "pwsh" ? check : [.. check, script], new() { ["SCRIPT"] = script }));
    }

    /// <summary>The program's own executable, as a user calls it.</summary>
    private static string Executable(string program) => Path.ChangeExtension(Repository.Executable(program), OperatingSystem.IsWindows() ? ".exe" : null);

    /// <summary>Folder of the program's executable.</summary>
    private static string Folder(string program) => Path.GetDirectoryName(Executable(program))!;

    private static (int Code, string Output) Run(string program, string[] arguments, Dictionary<string, string?> environment, string? folder = null)
    {
        var variables = new Dictionary<string, string?>(environment);

        // The program's executable searches for .NET only in the usual places, but the tests may use another installation.
        if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host)
        {
            variables["DOTNET_ROOT"] = Path.GetDirectoryName(host);
        }

        var run = Cli.Wrap(program)
            .WithArguments(arguments)
            .WithEnvironmentVariables(variables)
            .WithWorkingDirectory(folder ?? Environment.CurrentDirectory)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync().Task.GetAwaiter().GetResult();
        return (run.ExitCode, run.StandardOutput + run.StandardError);
    }
}
