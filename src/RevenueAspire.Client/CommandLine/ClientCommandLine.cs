using System.CommandLine;
using RevenueAspire.Client.Sending;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.CommandLine;

/// <summary>What the user asked <c>send</c> to do; null where an option is not given.</summary>
internal sealed record SendArguments(
    IReadOnlyList<string> Files, string? Url, string? Secret, int? Concurrency, int? Batch, bool Resume, bool Json, int? Rate = null, bool Follow = false,
    string? TokenFile = null);

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
        Without --url the setting Client:Url holds (environment: Client__Url). Without --secret and --token-file one of these does: Client:Secret,
        Client:TokenFile, or Client:Authority with Client:ClientId and Client:ClientSecret, which fetches and renews a token.
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

    /// <summary>Parses the arguments and runs the command.</summary>
    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(string[] args, Terminal terminal, ClientCommands commands)
    {
        var files = new Argument<string[]>("FILE")
        {
            Description = "File of events, one JSON object a line; gzip and zstd are recognised by their first bytes; - is standard input.",
            Arity = ArgumentArity.OneOrMore,
        };
        var (url, secret, concurrency) = (CommonOptions.Url(), CommonOptions.Secret(), CommonOptions.Concurrency());
        var tokenFile = CommonOptions.TokenFile();
        var json = ProgramCommandLine.JsonOption();
        var batch = new Option<int?>("--batch") { Description = "Lines a request. Without it each line is a request of its own.", HelpName = "N" };
        var rate = new Option<int?>("--rate") { Description = "Lines a second at most. Without it as fast as the API answers.", HelpName = "N" };
        var resume = new Option<bool>("--resume")
        {
            Description = "Go on where an earlier send of the same files was stopped, and with what was appended to them since.",
        };
        var follow = new Option<bool>("--follow") { Description = "Go on with the lines that are appended to the file, until Ctrl+C." };
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
                result.AddError($"{twice.Key} is named twice.");
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
                result.AddError("--follow needs one file, and not standard input.");
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
