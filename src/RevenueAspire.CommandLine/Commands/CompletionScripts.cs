namespace RevenueAspire.CommandLine;

/// <summary>Scripts for a shell's tab completion. They query the program (System.CommandLine's directive <c>[suggest]</c>), so they never become
/// outdated.</summary>
public static class CompletionScripts
{
    /// <summary>The supported shells.</summary>
    public static IReadOnlyList<string> Shells { get; } = ["bash", "zsh", "fish", "pwsh"];

    /// <summary>Returns the script for a shell.</summary>
    /// <param name="shell">One of <see cref="Shells"/>.</param>
    /// <param name="program">The program's file name.</param>
    /// <exception cref="ArgumentOutOfRangeException">The shell is not supported.</exception>
    public static string For(string shell, string program)
    {
        var script = shell switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            "fish" => Fish,
            "pwsh" => Pwsh,
            _ => throw new ArgumentOutOfRangeException(nameof(shell), shell, null),
        };
        return script.Replace("PROGRAM", program, StringComparison.Ordinal).Replace("FUNCTION", "_" + program.Replace('.', '_'), StringComparison.Ordinal);
    }

    private const string Bash =
        """
        # source <(PROGRAM completion bash)
        FUNCTION() {
          local IFS=$'\n' word="${COMP_WORDS[COMP_CWORD]}"
          COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "$word"))
        }
        complete -o default -F FUNCTION PROGRAM
        """;

    private const string Zsh =
        """
        # source <(PROGRAM completion zsh)
        FUNCTION() {
          local -a found
          found=("${(@f)$("${words[1]}" "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
          compadd -- "${found[@]}" || _files
        }
        compdef FUNCTION PROGRAM
        """;

    private const string Fish =
        """
        # PROGRAM completion fish | source
        function FUNCTION
            set -l line (commandline -cp)
            PROGRAM "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c PROGRAM -n 'not __fish_seen_subcommand_from send process' -f
        complete -c PROGRAM -a '(FUNCTION)'
        """;

    private const string Pwsh =
        """
        # PROGRAM completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName PROGRAM -ScriptBlock {
            param($word, $line, $position)
            PROGRAM "[suggest:$position]" "$line" 2>$null | Where-Object { $_ -like "$word*" } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
        }
        """;
}
