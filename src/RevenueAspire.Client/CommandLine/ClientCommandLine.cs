using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>What the user asked <c>send</c> to do; null where an option is not given.</summary>
internal sealed record SendArguments(IReadOnlyList<string> Files, string? Url, string? Secret, int? Concurrency, int? Batch, bool Resume, bool Json, int? Rate = null, bool Follow = false);

/// <summary>What the command line starts.</summary>
/// <param name="Service">Without a command.</param>
/// <param name="Send"><c>send</c>.</param>
/// <param name="Load"><c>load</c>.</param>
internal sealed record ClientCommands(Func<Task<int>> Service, Func<SendArguments, Task<int>> Send, Func<LoadArguments, Task<int>> Load);

/// <summary>The command line: without arguments the service, with <c>send</c> and <c>load</c> the tools.</summary>
internal static class ClientCommandLine
{
    private const string Program = "RevenueAspire.Client";

    private const string ExitCodesHelp =
        """

        Exit codes:
          0  every line is counted
          1  not done, or not to the end, or the result could not be written: what to do is said on stderr
          2  wrong usage
          3  done, but some lines were rejected: see FILE.rejected.jsonl

        """;

    private const string SendHelp =
        $$"""
        Examples:
          {{Program}} send events.jsonl
          {{Program}} send big.jsonl --batch 1000 --url http://localhost:8000
          {{Program}} send big.jsonl --resume          go on after Ctrl+C, a kill or a power cut, and with what was appended
          {{Program}} send app.log --follow            go on with new lines until Ctrl+C
          {{Program}} send day.jsonl.gz                gzip and zstd are recognised by their first bytes, whatever the name
          tail -n 1000 log | {{Program}} send - --json    standard input; the result as one JSON object

        Standard input cannot be read again, so a send of it cannot be resumed.
        A line that is no event is named on stderr and written to FILE.rejected.jsonl; the others are sent.
        Without --url and --secret the settings Client:Url and Client:Secret hold (environment: Client__Url, Client__Secret).
        """ + "\n" + ExitCodesHelp;

    private const string RootHelp =
        $$"""
        Without a command it is a service on http://localhost:3000: POST /generateEvents sends the configured file.

        Examples:
          {{Program}}
          {{Program}} send events.jsonl
          {{Program}} load --users 10000 --rate 500 --duration 30s --skew zipf
          source <({{Program}} completion bash)        complete commands and options with the tab key
        """ + "\n" + ExitCodesHelp;

    /// <summary>Parses the arguments and runs what they ask for.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args, Terminal terminal, ClientCommands commands)
    {
        // A file may be called @x; stopping is wired in SendCommand, without a limit of two seconds.
        var parsed = Build(commands, [.. args.SkipWhile(arg => arg != "--").Skip(1)]).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            foreach (var error in parsed.Errors)
            {
                terminal.Report(UsageErrors.OneLine(error.Message));
            }

            var command = parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
            terminal.Report($"See {Program} {command}--help.");
            return ExitCodes.Usage;
        }

        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = terminal.Out, Error = terminal.Error };
        var code = await parsed.InvokeAsync(invocation);

        // A service has no result: lines of its log that nothing took do not make its stop a failure.
        return parsed.CommandResult.Command is RootCommand root && parsed.Action == root.Action ? code : GuardedConsole.ExitCode(code);
    }

    private static RootCommand Build(ClientCommands commands, IReadOnlyList<string> afterDashes)
    {
        var files = new Argument<string[]>("FILE") { Description = "File of events, one JSON object a line; gzip and zstd are recognised by their first bytes; - is standard input.", Arity = ArgumentArity.OneOrMore };
        var (url, secret, concurrency) = (CommonOptions.Url(), CommonOptions.Secret(), CommonOptions.Concurrency());
        var json = CommonOptions.Json();
        var batch = new Option<int?>("--batch") { Description = "Lines a request. Without it each line is a request of its own.", HelpName = "N" };
        var rate = new Option<int?>("--rate") { Description = "Lines a second at most. Without it as fast as the API answers.", HelpName = "N" };
        var resume = new Option<bool>("--resume") { Description = "Go on where an earlier send of the same files was stopped, and with what was appended to them since." };
        var follow = new Option<bool>("--follow") { Description = "Go on with the lines that are appended to the file, until Ctrl+C." };
        batch.Validators.Add(result => CommonOptions.AddRangeError(result, batch, SendLimits.BatchLines));
        rate.Validators.Add(result => CommonOptions.AddRangeError(result, rate, SendLimits.Rate));
        files.Validators.Add(result =>
        {
            var paths = result.Tokens.Select(token => token.Value).ToList();
            if (paths.Any(string.IsNullOrWhiteSpace))
            {
                result.AddError("FILE is empty.");
            }
            else if (paths.Find(path => path.StartsWith('-') && path != SpoolFile.StandardInput && !afterDashes.Contains(path)) is { } option)
            {
                // The library takes an option that it does not know for one more file.
                result.AddError($"Unrecognized option '{option}'. A file of that name is written ./{option}.");
            }
            else if (paths.Select(Path.GetFullPath).GroupBy(path => path).FirstOrDefault(same => same.Count() > 1) is { } twice)
            {
                result.AddError($"{twice.Key} is named twice.");
            }
        });

        var sendCommand = new Command("send", "Sends every line of the files to the API.") { files, url, secret, concurrency, batch, rate, resume, follow, json };
        sendCommand.Validators.Add(result =>
        {
            if (result.GetValue(resume) && (result.GetValue(files) ?? []).Contains(SpoolFile.StandardInput))
            {
                result.AddError("--resume needs a file: standard input cannot be read again.");
            }

            if (result.GetValue(follow) && result.GetValue(files) is not [not SpoolFile.StandardInput])
            {
                result.AddError("--follow needs one file, and not standard input.");
            }
        });
        sendCommand.SetAction(parsed => commands.Send(new SendArguments(
            parsed.GetValue(files)!, parsed.GetValue(url), parsed.GetValue(secret), parsed.GetValue(concurrency), parsed.GetValue(batch), parsed.GetValue(resume), parsed.GetValue(json), parsed.GetValue(rate), parsed.GetValue(follow))));

        var loadCommand = LoadCommandLine.Build(commands.Load);
        var root = new RootCommand("Sends events to the RevenueAspire API.") { sendCommand, loadCommand, CompletionCommand.Build(Program) };
        root.SetAction(_ => commands.Service());
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, new Dictionary<Command, string> { [root] = RootHelp, [sendCommand] = SendHelp, [loadCommand] = LoadCommandLine.Help });
        return root;
    }
}
