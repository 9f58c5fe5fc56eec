using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Processing;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>process FILE...</c></summary>
internal static class ProcessCommand
{
    /// <summary>Processes each path in turn; one that fails does not keep the others from being done.</summary>
    /// <returns>1 when a path was not done, else 3 when a line was rejected, else 0.</returns>
    public static async Task<int> RunAsync(string[] paths, bool again, bool dryRun, CancellationToken cancellationToken)
    {
        using var host = Composition.BuildCommand();
        var services = host.Services;
        var failed = false;
        var openable = new List<string>();
        ProcessInput? ahead = null;
        try
        {
            // What a person must mend on the command line is said before anything is counted, and without a database.
            foreach (var path in paths)
            {
                try
                {
                    var input = ProcessInput.Open(path, again, services.GetRequiredService<ProcessorOptions>().MaxLineBytes);
                    openable.Add(path);
                    if (openable.Count == 1)
                    {
                        ahead = input;
                        continue;
                    }

                    // Not kept: there may be more files than a process may have open.
                    await input.DisposeAsync().ConfigureAwait(false);
                }
                catch (Exception exception) when (IsOfThisPath(exception))
                {
                    failed = true;
                    await Console.Error.WriteLineAsync(exception.Message).ConfigureAwait(false);
                }
            }

            if (ahead is null)
            {
                return ExitCodes.NotDone;
            }

            if (!dryRun)
            {
                ahead.HashAhead(services.GetRequiredService<EventTypes>(), cancellationToken);
                await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
            }

            return await RunAllAsync(services, openable, ahead, failed, again, dryRun, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (ahead is not null)
            {
                await ahead.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private static async Task<int> RunAllAsync(
        IServiceProvider services, List<string> paths, ProcessInput first, bool failed, bool again, bool dryRun, CancellationToken cancellationToken)
    {
        var options = services.GetRequiredService<ProcessorOptions>();
        var outcomes = new List<ProcessOutcome>();
        for (var index = 0; index < paths.Count; index++)
        {
            try
            {
                var progress = new RunProgress(paths[index]);
                await using var display = ProgressDisplay.Start(progress);
                var input = index == 0 ? first : ProcessInput.Open(paths[index], again, options.MaxLineBytes);
                await using (input.ConfigureAwait(false))
                {
                    outcomes.Add(await RunOneAsync(services, options, input, again, dryRun, progress, cancellationToken).ConfigureAwait(false));
                }
            }
            catch (Exception exception) when (IsOfThisPath(exception))
            {
                failed = true;
                await Console.Error.WriteLineAsync(exception is DbException ? $"{paths[index]}: {LedgerErrors.Describe(exception)}" : exception.Message).ConfigureAwait(false);
            }
        }

        foreach (var note in outcomes.SelectMany(outcome => outcome.Notes))
        {
            await Console.Error.WriteLineAsync(note).ConfigureAwait(false);
        }

        ClosingTable.Write(outcomes);
        return failed ? ExitCodes.NotDone : outcomes.Max(outcome => outcome.ExitCode);
    }

    private static Task<ProcessOutcome> RunOneAsync(
        IServiceProvider services, ProcessorOptions options, ProcessInput input, bool again, bool dryRun, RunProgress progress, CancellationToken cancellationToken) =>
        (dryRun, input.Source) switch
        {
            (true, _) => Task.Run(
                () => new DryRun(services.GetRequiredService<EventTypes>(), options).Run(input.Source, input.Path, progress, cancellationToken), cancellationToken),
            (_, FileSourceReader file) => new FileProcess(services.GetRequiredService<ApplyServices>()).RunAsync(file, input.Path, again, progress, cancellationToken, input.Hashing),
            (_, LogSourceReader log) => new LogProcess(services.GetRequiredService<ApplyServices>()).RunAsync(log, input.Path, progress, cancellationToken),
            _ => throw new InvalidOperationException("A source is a file or a log."),
        };

    /// <summary>Errors of one path, or of its source, permanent ones of the database among them (rule M12); a database that is away ends the command.</summary>
    private static bool IsOfThisPath(Exception exception) =>
        exception is UserErrorException or SourceStoppedException or EventLog.EventLogException or IOException or UnauthorizedAccessException or DbException
        && !LedgerErrors.IsTransient(exception);
}
