using System.CommandLine;

namespace RevenueAspire.CommandLine;

/// <summary><c>completion SHELL</c>: prints a script for the shell.</summary>
public static class CompletionCommand
{
    /// <summary>The command.</summary>
    /// <param name="program">The program's file name, as a person types it.</param>
    public static Command Build(string program)
    {
        var shell = new Argument<string>("SHELL") { Description = string.Join(", ", CompletionScripts.Shells) + "." };
        shell.AcceptOnlyFromAmong([.. CompletionScripts.Shells]);
        var command = new Command("completion", "Print a script that completes commands and options in a shell.") { shell };
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.WriteLine(CompletionScripts.For(parsed.GetRequiredValue(shell), program)));
        return command;
    }
}
