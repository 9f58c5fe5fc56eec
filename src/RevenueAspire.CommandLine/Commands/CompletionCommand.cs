using System.CommandLine;

namespace RevenueAspire.CommandLine;

/// <summary><c>completion SHELL</c>: prints a completion script for a shell.</summary>
public static class CompletionCommand
{
    /// <summary>Builds the command.</summary>
    /// <param name="program">The program's file name, as a user types it.</param>
    public static Command Build(string program)
    {
        var shell = new Argument<string>("SHELL") { Description = string.Join(", ", CompletionScripts.Shells) + "." };
        shell.AcceptOnlyFromAmong([.. CompletionScripts.Shells]);
        var command = new Command("completion", "Print a script for tab completion of commands and options in a shell.") { shell };
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.WriteLine(CompletionScripts.For(parsed.GetRequiredValue(shell), program)));
        return command;
    }
}
