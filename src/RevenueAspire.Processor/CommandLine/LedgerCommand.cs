using System.CommandLine;
using System.Globalization;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>ledger distribute</c></summary>
internal static class LedgerCommand
{
    private const int MostShards = 1024;

    public static Command Build()
    {
        var shards = new Option<int?>("--shards") { Description = $"Number of shards of the table, 1 to {MostShards}. Default: two per worker." };
        shards.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > MostShards)
            {
                result.AddError($"--shards must be 1 to {MostShards}.");
            }
        });
        var distribute = new Command(
            "distribute",
            "Distribute users_revenue by user over the workers of a Citus cluster. Connect to the database of the coordinator, and stop the processors first. "
            + "If the table is already distributed, nothing changes.")
        {
            shards,
        };
        distribute.SetAction((parsed, _) => StopSignals.RunAsync(token => DistributeAsync(parsed.GetValue(shards), token)));
        return new Command("ledger", "Distribute the ledger over several servers.") { distribute };
    }

    private static async Task<int> DistributeAsync(int? shards, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand(isPatient: true);
        await using var owned = services.ConfigureAwait(false);
        var state = await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
        if (state.Fault is { } fault)
        {
            throw new LedgerException(fault);
        }

        var done = await LedgerDistribution.DistributeAsync(services.Database, shards, cancellationToken).ConfigureAwait(false);
        await Console.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"users_revenue in schema {state.Schema} of {state.Database} {(done.IsNew ? "is now" : "was already")} distributed by user_id: "
            + $"{done.Shards} shards, {done.Workers} workers. All other tables are local tables of the coordinator.")).ConfigureAwait(false);
        return ExitCodes.Done;
    }
}
