using System.Globalization;
using System.Text;
using System.Text.Json;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>verify</c></summary>
internal static class VerifyCommand
{
    private const int Attempts = 5;

    /// <summary>Users that <c>--json</c> lists; all are counted.</summary>
    private const int ListedDifferences = 1000;

    /// <summary>Prints each user that differs.</summary>
    /// <returns>1 when a part of a log cannot be read, or is removed; else 0 when all balances and totals are right, 3 when one differs; what cannot be checked is an exception.</returns>
    public static async Task<int> RunAsync(bool json, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand();
        await using var owned = services.ConfigureAwait(false);
        var state = await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
        if (state.Fault is { } fault)
        {
            // Each user that differs is listed nevertheless.
            await Console.Error.WriteLineAsync($"{fault}.").ConfigureAwait(false);
        }

        var verifier = new LedgerVerifier(services.Database, services.Types, services.Options);
        var listed = new List<LedgerDifference>();
        var result = await RunAsync(
            services,
            verifier,
            listed,
            json ? null : difference => Print(string.Create(
                CultureInfo.InvariantCulture,
                $"{JsonSerializer.Serialize(Encoding.UTF8.GetString(difference.UserId))}: the table has {difference.Table?.ToString(CultureInfo.InvariantCulture) ?? "no row"}, the events say {difference.Events?.ToString(CultureInfo.InvariantCulture) ?? "nothing"}")),
            cancellationToken).ConfigureAwait(false);
        var code = !result.IsComplete ? ExitCodes.NotDone : result.IsEqual ? ExitCodes.Done : ExitCodes.Differs;
        if (json)
        {
            JsonResults.WriteVerify(code, result, listed);
        }
        else
        {
            foreach (var total in result.Totals)
            {
                Print(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{total.Source}{(total.Generation > 1 ? $" (generation {total.Generation})" : "")}, bytes {total.From} to {total.Through}: the table has {total.Counter} {total.Table}, the events say {total.Events}"));
            }

            Print(string.Create(CultureInfo.InvariantCulture, $"{result.Users:N0} users of {result.Sources:N0} sources checked: {Summary(result)}{(result.Totals.Count > 0 ? "; totals of sources differ" : "")}."));
        }

        foreach (var line in result.Hints.Concat(result.Removed.Concat(result.Unreadable).Select(reason => $"Could not check. {reason}")))
        {
            await Console.Error.WriteLineAsync(line).ConfigureAwait(false);
        }

        return code;
    }

    private static void Print(string line) => Console.Out.WriteLine(line);

    private static string Summary(VerifyResult result) => (result.Differences, result.Removed.Count, result.Unreadable.Count) switch
    {
        (0, 0, 0) => "all equal",
        (0, 0, _) => "what can be read is equal",
        (0, _, _) => "each has a row, but their balances cannot be computed again",
        (var differences, > 0, _) => string.Create(CultureInfo.InvariantCulture, $"{differences:N0} have no row, and balances cannot be computed again"),
        var (differences, _, _) => string.Create(CultureInfo.InvariantCulture, $"{differences:N0} differ"),
    };

    /// <summary>Checks, and once more from the beginning, in a new snapshot, when the database went away meanwhile and is back within Processor:RetrySeconds.</summary>
    private static async Task<VerifyResult> RunAsync(CommandServices services, LedgerVerifier verifier, List<LedgerDifference> listed, Action<LedgerDifference>? print, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            listed.Clear();
            try
            {
                return await verifier.RunAsync(
                    difference =>
                    {
                        print?.Invoke(difference);
                        if (print is null && listed.Count < ListedDifferences)
                        {
                            listed.Add(difference);
                        }
                    },
                    cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (attempt < Attempts && LedgerErrors.IsTransient(exception))
            {
                await Console.Error.WriteLineAsync($"{LedgerErrors.Describe(exception)}. Checking again from the beginning: users that were printed are printed again.").ConfigureAwait(false);
                await services.Retry.RunAsync(token => LedgerSchema.ApplyAsync(services.Database, token), cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
