using System.CommandLine;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RevenueAspire.CommandLine;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Following;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.CommandLine;

/// <summary>The command line, and its exit codes.</summary>
internal static class ProcessorCommandLine
{
    private const string Program = "RevenueAspire.Processor";

    private const string Examples =
        """
        Examples:
          RevenueAspire.Processor                                  follow the logs in EventLog:Directory
          RevenueAspire.Processor process events.jsonl             count a file, once
          RevenueAspire.Processor process *.jsonl --dry-run        only read and validate; needs no database
          RevenueAspire.Processor process events.jsonl --again     count it again, on purpose
          zcat day.gz | RevenueAspire.Processor process -          count standard input (process day.gz counts the same events: gzip and zstd are recognised)
          RevenueAspire.Processor process *.jsonl --json           one JSON object on standard output, for scripts
          RevenueAspire.Processor verify                           compare the table with logs and files
          RevenueAspire.Processor verify /archive                  the same, if counted files were moved to another folder
          RevenueAspire.Processor history build                    add events that were applied before the history started
          RevenueAspire.Processor ledger distribute                distribute the table over the workers of a Citus cluster
          source <(RevenueAspire.Processor completion bash)        complete commands and options with the tab key

        Exit codes:
          0  done: every line is counted, now or earlier; verify: all balances are equal
          1  not done, or the result could not be written; verify: a part could not be checked, and the rest is equal
          2  wrong usage
          3  done, but some lines were rejected; verify: balances differ

        The environment variable ConnectionStrings__revenuedb names the database, for example
          ConnectionStrings__revenuedb="Host=localhost;Username=postgres;Password=...;Database=revenuedb"

        """;

    /// <summary>Runs the program and returns its exit code.</summary>
    public static Task<int> RunAsync(string[] arguments) => StartupErrors.RunAsync(() => ParseAndRunAsync(arguments), describe: Describe);

    private static Task<int> ParseAndRunAsync(string[] arguments)
    {
        var process = BuildProcess(arguments);
        var verify = BuildVerify(arguments);
        var history = HistoryCommand.Build(arguments);
        var root = new RootCommand(
            "Keeps the table users_revenue equal to the events in logs and files. Without a command, runs as a service "
            + "that follows the logs in EventLog:Directory.")
        {
            process, verify, history, LedgerCommand.Build(), CompletionCommand.Build(Program),
        };
        root.SetAction((_, _) => RunServiceAsync());
        var help = new Dictionary<Command, string> { [root] = Examples, [process] = Examples, [verify] = Examples, [history] = Examples };
        return ProgramCommandLine.RunAsync(root, Program, arguments, help, finds: verify);
    }

    /// <summary>Runs until the host is asked to stop (Ctrl+C, SIGTERM, SIGHUP).</summary>
    private static async Task<int> RunServiceAsync()
    {
        using var host = Composition.BuildService();
        host.Services.Database();
        var follower = host.Services.GetRequiredService<FollowerService>();
        await host.RunAsync(CancellationToken.None).ConfigureAwait(false);
        if (follower.Refusal is { } refusal)
        {
            ExceptionDispatchInfo.Throw(refusal);
        }

        return ExitCodes.Done;
    }

    private static Command BuildProcess(string[] arguments)
    {
        var files = new Argument<string[]>("FILE")
        {
            Arity = ArgumentArity.OneOrMore,
            Description = "Files of events, one JSON object per line; gzip and zstd are recognised by their first bytes; - is standard input. "
                + "Or the folder of a log.",
        };
        var again =
            new Option<bool>("--again") { Description = "Count files again that are already counted. An unfinished count is completed first." };
        var json = ProgramCommandLine.JsonOption();
        var dryRun = new Option<bool>("--dry-run") { Description = "Read, validate and aggregate only; needs no database and changes nothing." };
        var command = new Command("process",
            "Count each file once. A file is identified by its content: counting the same content again, under any name, changes nothing. "
            + "If a file has grown, only its new part is counted.")
        {
            files, again, dryRun, json,
        };
        files.RefuseUnknownOptions(arguments);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(files) ?? []).Count(SpooledSource.IsStandardInput) > 1)
            {
                result.AddError("- is given twice: standard input can be read only once.");
            }

            if (result.GetValue(again) && result.GetValue(dryRun))
            {
                result.AddError("--again and --dry-run exclude each other.");
            }
        });
        command.SetAction((parsed, _) => StopSignals.RunAsync(
            token => parsed.GetValue(dryRun)
                ? ProcessCommand.DryRunAsync(parsed.GetRequiredValue(files), parsed.GetValue(json), token)
                : ProcessCommand.RunAsync(parsed.GetRequiredValue(files), parsed.GetValue(again), parsed.GetValue(json), token)));
        return command;
    }

    private static Command BuildVerify(string[] arguments)
    {
        var json = ProgramCommandLine.JsonOption();
        var places = new Argument<string[]>("FILE")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "The current places of counted files: files or folders. Known paths, and the files next to them, are "
                + "always searched.",
        };
        var command = new Command("verify",
            "Recompute all balances from the counted logs and files, and print each user that differs. Unreadable "
            + "sources are reported; the rest is checked.")
        {
            places, json,
        };
        places.RefuseUnknownOptions(arguments);
        command.SetAction((parsed, _) => StopSignals.RunAsync(token => VerifyCommand.RunAsync(parsed.GetValue(places) ?? [], parsed.GetValue(json), token)));
        return command;
    }

    /// <summary>One line for the user, or null for a bug.</summary>
    public static string? Describe(Exception exception) => exception switch
    {
        UserErrorException or EventLogException or LedgerException => exception.Message,
        OperationCanceledException => "Stopped. Counted events stay counted: run the same command again to continue.",
        _ when DatabaseErrors.IsTransient(exception) || exception is System.Data.Common.DbException => DatabaseErrors.Describe(exception),
        _ => null,
    };
}
