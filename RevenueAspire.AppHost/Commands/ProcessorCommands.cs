using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Commands;

/// <summary>The processor's commands in the dashboard. They run its command line.</summary>
internal static class ProcessorCommands
{
    private const string PathInput = "path";

    /// <summary>Adds 'Process a file' and 'Verify ledger'.</summary>
    public static IResourceBuilder<ProjectResource> WithLedgerCommands(this IResourceBuilder<ProjectResource> processor)
    {
        var folder = processor.ApplicationBuilder.AppHostDirectory;
        return processor
            .WithCommand("process-file", "Process a file", context => ProcessAsync(processor.Resource, context, folder), new CommandOptions
            {
                Description = "Applies a file of events to the ledger. A repeat does not count it again.",
                IconName = "DocumentAdd",
                Arguments =
                [
                    new InteractionInput
                    {
                        Name = PathInput,
                        Label = "File",
                        InputType = InputType.Text,
                        Required = true,
                        Placeholder = "/home/you/day1.jsonl",
                        Description = $"A path on this machine. Relative paths start at {folder}.",
                    },
                ],
                ValidateArguments = context =>
                {
                    var input = context.Inputs[PathInput];
                    if (Resolve(input.Value, folder) is not { } path || !Path.Exists(path))
                    {
                        context.AddValidationError(input, $"No such file on this machine: {Resolve(input.Value, folder) ?? "(no path)"}");
                    }

                    return Task.CompletedTask;
                },
                Progress = new CommandProgressOptions { Title = "Process a file", Message = "Processing the file." },
                UpdateState = CommandInputs.WhileRunning,
            })
            .WithCommand("verify-ledger", "Verify ledger", context => VerifyAsync(processor.Resource, context), new CommandOptions
            {
                Description = "Adds up all events of the log again, and compares the sums with the table.",
                IconName = "ShieldCheckmark",
                IsHighlighted = true,
                Progress = new CommandProgressOptions { Title = "Verify ledger", Message = "Computing all balances again." },
                UpdateState = CommandInputs.WhileRunning,
            });
    }

    private static Task<ExecuteCommandResult> ProcessAsync(ProjectResource processor, ExecuteCommandContext context, string folder)
    {
        var path = Resolve(context.Arguments[PathInput].Value, folder)!;
        return ServiceTool.RunAsync(processor, context, ["process", "--", path], run => run.ExitCode switch
        {
            ExitCodes.Done => Counted(run, "every line is counted."),
            ExitCodes.SomeRejected => Counted(run, "every line is counted, except the rejected lines; see the table rejected_event."),
            _ => CommandResults.Failure(run.LastLine),
        });

        ExecuteCommandResult Counted(CommandLineResult run, string how) =>
            CommandResults.Success($"{Path.GetFileName(path)}: {how}", Table(run), CommandResultFormat.Text, displayImmediately: true);
    }

    private static Task<ExecuteCommandResult> VerifyAsync(ProjectResource processor, ExecuteCommandContext context) =>
        ServiceTool.RunAsync(processor, context, ["verify"], run => run.ExitCode switch
        {
            ExitCodes.Done => CommandResults.Success(run.LastLine),
            ExitCodes.Differs => CommandResults.Failure(run.LastLine, Table(run)),
            _ => CommandResults.Failure(run.LastLine),
        });

    private static string? Resolve(string? text, string folder) => string.IsNullOrWhiteSpace(text) ? null : Path.GetFullPath(text.Trim().Trim('"'), folder);

    private static string Table(CommandLineResult run) => string.Join('\n', run.Text.Split('\n').Select(line => line.TrimEnd()));
}
