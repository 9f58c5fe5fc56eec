using System.CommandLine;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The arguments of <c>send</c>; null for each option that is not given.</summary>
internal sealed record SendArguments(
    IReadOnlyList<string> Files, string? Url, string? Secret, int? Concurrency, int? Batch, bool Resume, bool Json, int? Rate = null, bool Follow = false,
    string? TokenFile = null);

/// <summary>The commands that the command line can start.</summary>
/// <param name="Service">Runs without a command.</param>
/// <param name="Send">Runs <c>send</c>.</param>
/// <param name="Load">Runs <c>load</c>.</param>
internal sealed record ClientCommands(Func<Task<int>> Service, Func<SendArguments, Task<int>> Send, Func<LoadArguments, Task<int>> Load);

/// <summary>The command line. Runs the service without arguments, or one of the tools <c>send</c> and <c>load</c>.</summary>
internal static class ClientCommandLine
{
    private const string Program = "RevenueAspire.Client";

    private const string ExitCodesHelp =
        """

        Exit codes:
          0  every line is accepted
          1  failed or incomplete, or the result could not be written; see stderr
          2  wrong usage
          3  done, but some lines were rejected; see FILE.rejected.jsonl

        """;

    private const string SendHelp =
        $$"""
        Examples:
          {{Program}} send events.jsonl
          {{Program}} send big.jsonl --batch 1000 --url http://localhost:8000
          {{Program}} send big.jsonl --resume          continue after Ctrl+C, a kill or a power cut; also send appended lines
          {{Program}} send app.log --follow            continue with appended lines until Ctrl+C
          {{Program}} send day.jsonl.gz                gzip and zstd are recognised by their first bytes, not by name
          tail -n 1000 log | {{Program}} send - --json    standard input; the result as one JSON object

        A send of standard input cannot be resumed, because the input cannot be read again.
        A line that is not a valid event is reported on stderr and written to FILE.rejected.jsonl; the other lines are sent.
        The default of --url is the setting Client:Url (environment: Client__Url). Without --secret and --token-file, set one of these:
        Client:Secret, Client:TokenFile, or Client:Authority with Client:ClientId and Client:ClientSecret to fetch and renew a token.
        """ + "\n" + ExitCodesHelp;

    private const string RootHelp =
        $$"""
        Without a command, it runs as a service on http://localhost:3000; POST /generateEvents sends the configured file.

        Examples:
          {{Program}}
          {{Program}} send events.jsonl
          {{Program}} load --users 10000 --rate 500 --duration 30s --skew zipf
          source <({{Program}} completion bash)        tab completion for commands and options
        """ + "\n" + ExitCodesHelp;

    /// <summary>Parses the arguments and runs the command.</summary>
    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(string[] args, Terminal terminal, ClientCommands commands)
    {
        var files = new Argument<string[]>("FILE")
        {
            Description = "File of events, one JSON object per line; gzip and zstd are recognised by their first bytes; - is standard input.",
            Arity = ArgumentArity.OneOrMore,
        };
        var (url, secret, concurrency) = (CommonOptions.Url(), CommonOptions.Secret(), CommonOptions.Concurrency());
        var tokenFile = CommonOptions.TokenFile();
        var json = ProgramCommandLine.JsonOption();
        var batch = new Option<int?>("--batch") { Description = "Lines per request. Without it, each line is sent as a separate request.", HelpName = "N" };
        var rate = new Option<int?>("--rate") { Description = "Maximum lines per second. Without it, as fast as the API answers.", HelpName = "N" };
        var resume = new Option<bool>("--resume")
        {
            Description = "Continue where an earlier send of the same files stopped, and also send the lines appended since.",
        };
        var follow = new Option<bool>("--follow") { Description = "Continue with lines appended to the file, until Ctrl+C." };
        batch.Validators.Add(result => CommonOptions.AddRangeError(result, batch, SendLimits.BatchLines));
        rate.Validators.Add(result => CommonOptions.AddRangeError(result, rate, SendLimits.Rate));
        files.RefuseUnknownOptions(args);
        files.Validators.Add(result =>
        {
            var paths = result.Tokens.Select(token => token.Value).ToList();
            if (paths.Any(string.IsNullOrWhiteSpace))
            {
                result.AddError("FILE is empty.");
            }
            else if (paths.Select(Path.GetFullPath).GroupBy(path => path).FirstOrDefault(same => same.Count() > 1) is { } twice)
            {
                result.AddError($"{twice.Key} is given twice.");
            }
        });

        var sendCommand = new Command("send", "Sends every line of the files to the API.")
        {
            files, url, secret, tokenFile, concurrency, batch, rate, resume, follow, json,
        };
        sendCommand.Validators.Add(result =>
        {
            if (result.GetValue(resume) && (result.GetValue(files) ?? []).Contains(SpoolFile.StandardInput))
            {
                result.AddError("--resume needs a file: standard input cannot be read again.");
            }

            if (result.GetValue(follow) && result.GetValue(files) is not [not SpoolFile.StandardInput])
            {
                result.AddError("--follow needs exactly one file, and not standard input.");
            }
        });
        CommonOptions.RequireOneCredential(sendCommand, secret, tokenFile);
        sendCommand.SetAction(parsed => commands.Send(new SendArguments(
            parsed.GetValue(files)!,
            parsed.GetValue(url),
            parsed.GetValue(secret),
            parsed.GetValue(concurrency),
            parsed.GetValue(batch),
            parsed.GetValue(resume),
            parsed.GetValue(json),
            parsed.GetValue(rate),
            parsed.GetValue(follow),
            parsed.GetValue(tokenFile))));

        var loadCommand = LoadCommandLine.Build(commands.Load);
        var root = new RootCommand("Sends events to the RevenueAspire API.") { sendCommand, loadCommand, CompletionCommand.Build(Program) };
        root.SetAction(_ => commands.Service());
        var help = new Dictionary<Command, string> { [root] = RootHelp, [sendCommand] = SendHelp, [loadCommand] = LoadCommandLine.Help };
        return ProgramCommandLine.RunAsync(root, Program, args, help, output: terminal.Out, error: terminal.Error);
    }
}
