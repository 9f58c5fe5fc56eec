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
        var options = services.GetRequiredService<ProcessorOptions>();
        if (!dryRun)
        {
            await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
        }

        var outcomes = new List<ProcessOutcome>();
        var failed = false;
        foreach (var path in paths)
        {
            try
            {
                var progress = new RunProgress(path);
                await using var display = ProgressDisplay.Start(progress);
                outcomes.Add(await RunOneAsync(services, options, path, again, dryRun, progress, cancellationToken).ConfigureAwait(false));
            }
            catch (Exception exception) when (IsOfThisPath(exception))
            {
                failed = true;
                await Console.Error.WriteLineAsync(exception.Message).ConfigureAwait(false);
            }
        }

        foreach (var note in outcomes.SelectMany(outcome => outcome.Notes))
        {
            await Console.Error.WriteLineAsync(note).ConfigureAwait(false);
        }

        ClosingTable.Write(outcomes);
        return failed ? ExitCodes.NotDone : outcomes.Max(outcome => outcome.ExitCode);
    }

    private static async Task<ProcessOutcome> RunOneAsync(
        IServiceProvider services, ProcessorOptions options, string path, bool again, bool dryRun, RunProgress progress, CancellationToken cancellationToken)
    {
        if (SourcePath.FindLog(path) is not { } directory)
        {
            using var file = FileSourceReader.Open(path, options.MaxLineBytes);
            return dryRun
                ? await DryRunAsync(file).ConfigureAwait(false)
                : await new FileProcess(services.GetRequiredService<ApplyServices>()).RunAsync(file, path, again, progress, cancellationToken).ConfigureAwait(false);
        }

        if (again)
        {
            throw new UserErrorException($"{path}: belongs to a log, which counts once and goes on by itself; --again is for files");
        }

        using var log = LogSourceReader.Open(directory);
        return dryRun
            ? await DryRunAsync(log).ConfigureAwait(false)
            : await new LogProcess(services.GetRequiredService<ApplyServices>()).RunAsync(log, path, progress, cancellationToken).ConfigureAwait(false);

        Task<ProcessOutcome> DryRunAsync(ISourceReader source) =>
            Task.Run(() => new DryRun(services.GetRequiredService<EventTypes>(), options).Run(source, path, progress, cancellationToken), cancellationToken);
    }

    /// <summary>Errors of one path, or of its source (rule M12); those of the database itself end the command.</summary>
    private static bool IsOfThisPath(Exception exception) =>
        exception is UserErrorException or SourceStoppedException or EventLog.EventLogException or IOException or UnauthorizedAccessException
        && !LedgerErrors.IsTransient(exception);
}
