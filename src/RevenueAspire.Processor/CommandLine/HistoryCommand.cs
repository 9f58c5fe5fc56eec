using System.CommandLine;
using System.Globalization;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.History;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>history build</c>, <c>history keep</c> and <c>history drop</c></summary>
internal static class HistoryCommand
{
    /// <summary>The command.</summary>
    public static Command Build(string[] arguments)
    {
        var places = new Argument<string[]>("FILE")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "The current places of counted files: files or folders. Known paths, and the files next to them, are always searched.",
        };
        places.RefuseUnknownOptions(arguments);
        var build = new Command("build",
            "Add the events that were applied before the history started, from the retained logs and files. Starts the history if there is none. "
            + "Processors need History:Enabled=true, and may keep running.")
        {
            places,
        };
        build.SetAction((parsed, _) => StopSignals.RunAsync(token => BuildAsync(parsed.GetValue(places) ?? [], token)));
        var keep = new Command("keep", "End the history, but keep its rows for SQL. First set History:Enabled=false and stop the processors.");
        keep.SetAction((_, _) => StopSignals.RunAsync(token => EndAsync(
            LedgerHistory.KeepAsync, "The history has ended. Its rows are in the view user_event. 'history drop' removes them.", token)));
        var drop = new Command("drop",
            "End the history and remove its rows. Balances do not change. First set History:Enabled=false and stop the processors.");
        drop.SetAction((_, _) => StopSignals.RunAsync(token => EndAsync(LedgerHistory.DropAsync, "The history is removed.", token)));
        return new Command("history", "Add earlier events to the history, or end the history.") { build, keep, drop };
    }

    private static async Task<int> BuildAsync(string[] places, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand(isPatient: true);
        await using var owned = services.ConfigureAwait(false);
        await OpenAsync(services, cancellationToken).ConfigureAwait(false);
        if (await LedgerHistory.InspectAsync(services.Database, cancellationToken).ConfigureAwait(false) is { KeptAt: not null })
        {
            // Events since then have no rows, and rows cannot be inserted between others: rebuild the history from the beginning.
            await LedgerHistory.DropAsync(services.Database, cancellationToken).ConfigureAwait(false);
        }

        var writer = await LedgerHistory.EnableAsync(services.Database, services.Types.Signs, cancellationToken).ConfigureAwait(false);
        var result = await new HistoryBackfill(services.Database, services.Types, services.Options, writer)
            .RunAsync(places, cancellationToken).ConfigureAwait(false);
        Console.Out.WriteLine(result.Rows == 0 && result.Unread.Count == 0
            ? "The history contains all events."
            : string.Create(CultureInfo.InvariantCulture, $"Added {result.Events:N0} events in {result.Rows:N0} rows."));
        foreach (var source in result.Unread)
        {
            await Console.Error.WriteLineAsync(Printable.Escape($"Not completely in the history: {source}")).ConfigureAwait(false);
        }

        return result.Unread.Count == 0 ? ExitCodes.Done : ExitCodes.SomeRejected;
    }

    private static async Task<int> EndAsync(
        Func<Npgsql.NpgsqlDataSource, CancellationToken, Task<bool>> end, string done, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand();
        await using var owned = services.ConfigureAwait(false);
        await OpenAsync(services, cancellationToken).ConfigureAwait(false);
        Console.Out.WriteLine(await end(services.Database, cancellationToken).ConfigureAwait(false) ? done : "The ledger keeps no history.");
        return ExitCodes.Done;
    }

    private static async Task OpenAsync(CommandServices services, CancellationToken cancellationToken)
    {
        var state = await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
        if (state.Fault is { } fault)
        {
            throw new LedgerException(fault);
        }
    }
}
