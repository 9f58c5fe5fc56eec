using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace RevenueAspire.CommandLine;

/// <summary>Handles help, wrong usage and exit codes, for a program that runs as a service if it gets no command.</summary>
public static class ProgramCommandLine
{
    /// <summary>Parses the arguments and runs the command.</summary>
    /// <param name="root">The commands. The root's action is the service.</param>
    /// <param name="program">The program's file name, as a user types it.</param>
    /// <param name="arguments">The arguments of the process.</param>
    /// <param name="help">For each command, the text after the library's help: examples and exit codes.</param>
    /// <param name="finds">The command whose exit code 3 is a finding, which stays 3 even if a line of the result cannot be printed. Null for none.</param>
    /// <param name="output">Receives help and completion scripts; null for the console.</param>
    /// <param name="error">Receives one line per wrong argument; null for the console.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        RootCommand root,
        string program,
        string[] arguments,
        IReadOnlyDictionary<Command, string> help,
        Command? finds = null,
        TextWriter? output = null,
        TextWriter? error = null)
    {
        ArgumentNullException.ThrowIfNull(root);
        ArgumentNullException.ThrowIfNull(help);
        var option = root.Options.OfType<HelpOption>().Single();
        option.Action = new HelpWithText((HelpAction)option.Action!, help);
        // A file may have the name @x, so @x must not name a file of arguments.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var command = parsed.CommandResult.Command;
        if (parsed.Action is ParseErrorAction)
        {
            error ??= Console.Error;
            foreach (var problem in parsed.Errors)
            {
                await error.WriteLineAsync(Printable.Escape(OneLine(problem.Message))).ConfigureAwait(false);
            }

            await error.WriteLineAsync($"See {program} {(command == root ? "" : command.Name + " ")}--help.").ConfigureAwait(false);
            return ExitCodes.WrongUsage;
        }

        // No time limit for a stopping command; the library's default is two seconds.
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        (invocation.Output, invocation.Error) = (output ?? invocation.Output, error ?? invocation.Error);
        var code = await parsed.InvokeAsync(invocation).ConfigureAwait(false);

        // A service has no result, so lost log lines do not change its exit code.
        return command == root && parsed.Action == root.Action ? code : GuardedConsole.ExitCode(code, keepsFinding: command == finds);
    }

    /// <summary>The option <c>--json</c>.</summary>
    public static Option<bool> JsonOption() =>
        new("--json") { Description = "Print one JSON object on standard output; progress and problems stay on standard error." };

    /// <summary>Rejects an unknown option, which the library would treat as a file.</summary>
    /// <param name="files">Paths, or <c>-</c> for standard input.</param>
    /// <param name="arguments">The arguments of the process. After <c>--</c> every argument is a file.</param>
    public static void RefuseUnknownOptions(this Argument<string[]> files, string[] arguments)
    {
        ArgumentNullException.ThrowIfNull(files);
        var literal = Math.Max(0, arguments.SkipWhile(argument => argument != "--").Count() - 1);
        files.Validators.Add(result =>
        {
            var paths = result.Tokens.Select(token => token.Value).SkipLast(literal);
            foreach (var option in paths.Where(path => path.StartsWith('-') && path != SpoolFile.StandardInput))
            {
                result.AddError($"Unrecognized option '{option}'. For a file of that name, write ./{option}.");
            }
        });
    }

    /// <summary>Joins lines, because the library lists the possible values on separate lines.</summary>
    private static string OneLine(string message) =>
        string.Join(' ', message.Split((char[])['\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private sealed class HelpWithText(HelpAction inner, IReadOnlyDictionary<Command, string> texts) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = inner.Invoke(parseResult);
            if (texts.TryGetValue(parseResult.CommandResult.Command, out var text))
            {
                parseResult.InvocationConfiguration.Output.WriteLine(text);
            }

            return code;
        }
    }
}
