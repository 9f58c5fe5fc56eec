using Npgsql;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.History;

/// <summary>Decides at startup whether a processor writes the history.</summary>
internal static class HistorySetup
{
    /// <summary>Starts the history of the ledger, or joins an existing one.</summary>
    /// <returns>The writer; null if the ledger keeps no history.</returns>
    /// <exception cref="LedgerException">The setting contradicts the ledger; the message names both solutions.</exception>
    public static async Task<HistoryWriter?> RunAsync(
        NpgsqlDataSource database, EventTypes types, HistoryOptions options, CancellationToken cancellationToken)
    {
        var isKept = options.Enabled == true
            || await LedgerHistory.InspectAsync(database, cancellationToken).ConfigureAwait(false) is { KeptAt: null };
        return (isKept, options.Enabled) switch
        {
            (false, _) => null,
            (true, false) => throw new LedgerException(LedgerHistory.Refusal),
            _ => await LedgerHistory.EnableAsync(database, types.Signs, cancellationToken).ConfigureAwait(false),
        };
    }
}
