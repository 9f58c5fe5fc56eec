using System.Data.Common;
using System.Globalization;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.History;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>process FILE...</c></summary>
internal static class ProcessCommand
{
    /// <summary>Processes the paths in turn. A failed path does not stop the others.</summary>
    /// <returns>1 if a path was not done, else 3 if a line was rejected, else 0.</returns>
    public static Task<int> RunAsync(string[] paths, bool again, bool json, CancellationToken cancellationToken) =>
        JsonResults.RunAsync(json, JsonResults.WriteNotBegun, () => CountAsync(paths, again, json, cancellationToken));

    /// <summary>As <see cref="RunAsync"/>, without a database and its services.</summary>
    public static Task<int> DryRunAsync(string[] paths, bool json, CancellationToken cancellationToken) =>
        JsonResults.RunAsync(json, JsonResults.WriteNotBegun, () => ReadAsync(paths, json, cancellationToken));

    private static async Task<int> CountAsync(string[] paths, bool again, bool json, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand();
        await using var owned = services.ConfigureAwait(false);
        await using var inputs = new ProcessInputs(paths, again, services.Options.MaxLineBytes);
        if (!inputs.Any)
        {
            return NothingOpened(inputs, json);
        }

        inputs.First.HashAhead(services.Types, cancellationToken);
        var state = await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
        if (state.Fault is { } fault)
        {
            throw new LedgerException(fault);
        }

        services.Applying.History = await services.Retry.RunAsync(
            token => HistorySetup.RunAsync(services.Database, services.Types, services.History, token), cancellationToken).ConfigureAwait(false);
        return await RunAllAsync(
            inputs, json, (input, progress) => RunOneAsync(services, input, again, progress, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private static async Task<int> ReadAsync(string[] paths, bool json, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand();
        await using var owned = services.ConfigureAwait(false);
        await using var inputs = new ProcessInputs(paths, again: false, services.Options.MaxLineBytes);
        if (!inputs.Any)
        {
            return NothingOpened(inputs, json);
        }

        // Run on this thread: there is no other work, and each method that really awaits costs time to compile.
        return await RunAllAsync(
            inputs,
            json,
            (input, progress) =>
            {
                using var dryRun = new DryRun(services.Types, services.Options);
                return Task.FromResult(dryRun.Run(input.Source, input.Path, progress, cancellationToken));
            },
            cancellationToken).ConfigureAwait(false);
    }

    private static int NothingOpened(ProcessInputs inputs, bool json)
    {
        if (json)
        {
            JsonResults.WriteProcess(ExitCodes.NotDone, [], inputs.Problems.Lines);
        }

        return ExitCodes.NotDone;
    }

    private static async Task<int> RunAllAsync(
        ProcessInputs inputs, bool json, Func<ProcessInput, RunProgress, Task<ProcessOutcome>> run, CancellationToken cancellationToken)
    {
        var problems = inputs.Problems;
        var outcomes = new List<ProcessOutcome>();
        for (var index = 0; index < inputs.Paths.Count; index++)
        {
            var path = inputs.Paths[index];
            var progress = new RunProgress(path);
            try
            {
                await using var display = ProgressDisplay.Start(progress);
                var input = inputs.Open(index);
                await using (input.ConfigureAwait(false))
                {
                    if (input.NeedsSpool)
                    {
                        progress.Phase = "copying";
                        await input.SpoolAsync(inputs.MaxLineBytes, cancellationToken).ConfigureAwait(false);
                    }

                    outcomes.Add(await run(input, progress).ConfigureAwait(false));
                }
            }
            catch (Exception exception) when (IsOfThisPath(exception))
            {
                problems.Report(exception is DbException ? $"{path}: {DatabaseErrors.Describe(exception)}" : exception.Message);
            }
            catch (Exception exception) when (DatabaseErrors.IsTransient(exception))
            {
                // The retries took as long as the settings allow. Completed work stays, and is reported below.
                problems.Report(DatabaseAway(exception, progress, inputs.Paths.Count - index - 1));
                break;
            }
            catch (Exception exception)
            {
                // The command was stopped, or has a bug. The files before this one are done, and their results are reported.
                problems.Report(StartupErrors.DescribeOrReport(exception, ProcessorCommandLine.Describe));
                break;
            }
        }

        var code = ExitCodes.Done;
        foreach (var outcome in outcomes)
        {
            code = Math.Max(code, outcome.ExitCode);
            foreach (var note in outcome.Notes)
            {
                await Console.Error.WriteLineAsync(Printable.Escape(note)).ConfigureAwait(false);
            }
        }

        code = problems.Any ? ExitCodes.NotDone : code;
        if (json)
        {
            JsonResults.WriteProcess(code, outcomes, problems.Lines);
        }
        else
        {
            ClosingTable.Write(outcomes);
        }

        return code;
    }

    private static string DatabaseAway(Exception exception, RunProgress progress, int notBegun)
    {
        var (done, all) = (progress.AppliedBytes, progress.TotalBytes);
        var others = notBegun switch { 0 => "", 1 => " One more file was not started.", _ => $" {notBegun} more files were not started." };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Name}: NOT DONE: {DatabaseErrors.Describe(exception).TrimEnd('.')}. {done:N0} of {all:N0} bytes are counted and stay counted; "
            + $"run the same command again to continue.{others}");
    }

    private static Task<ProcessOutcome> RunOneAsync(
        CommandServices services, ProcessInput input, bool again, RunProgress progress, CancellationToken cancellationToken) =>
        input.Source switch
        {
            FileSourceReader file => new FileProcess(services.Applying).RunAsync(file, input.Path, again, progress, cancellationToken, input.Hashing),
            LogSourceReader log => new LogProcess(services.Applying).RunAsync(log, input.Path, progress, cancellationToken),
            _ => throw new InvalidOperationException("A source is a file or a log."),
        };

    /// <summary>Whether an error concerns only one path or its source, including permanent errors of the database (rule M12). An unavailable database ends the
    /// command.</summary>
    public static bool IsOfThisPath(Exception exception) =>
        exception is UserErrorException or LedgerException or EventLog.EventLogException or IOException or UnauthorizedAccessException or DbException
        && !DatabaseErrors.IsTransient(exception);
}
