using System.Globalization;
using System.Text;
using System.Text.Json;
using RevenueAspire.CommandLine;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>verify</c></summary>
internal static class VerifyCommand
{
    private const int Attempts = 5;

    /// <summary>Maximum number of users that <c>--json</c> lists. All users are counted.</summary>
    private const int ListedDifferences = 1000;

    /// <summary>Prints each user that differs, and each source that is not equal.</summary>
    /// <param name="places">Files and folders to search for counted files, in addition to the known paths.</param>
    /// <param name="json">Whether to print one JSON object instead.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>3 if a balance or a total differs, else 1 if a part could not be checked, else 0.</returns>
    public static Task<int> RunAsync(string[] places, bool json, CancellationToken cancellationToken) =>
        JsonResults.RunAsync(json, JsonResults.WriteNotVerified, () => CheckAsync(places, json, cancellationToken));

    private static async Task<int> CheckAsync(string[] places, bool json, CancellationToken cancellationToken)
    {
        var services = Composition.BuildCommand(isPatient: true);
        await using var owned = services.ConfigureAwait(false);
        var state = await CommandDatabase.OpenAsync(services, cancellationToken).ConfigureAwait(false);
        if (state.Fault is { } fault)
        {
            // Continue, to list each user that differs.
            await Console.Error.WriteLineAsync($"{fault}.").ConfigureAwait(false);
        }

        using var verifier = new LedgerVerifier(services.Database, services.Types, services.Options);
        var listed = new List<LedgerDifference>();
        var result = await RunAsync(
            services, verifier, places, listed, json ? null : difference => Print(Text(difference, "the events add up to")), cancellationToken)
            .ConfigureAwait(false);
        if (json)
        {
            JsonResults.WriteVerify(result.ExitCode, result, listed);
        }
        else
        {
            PrintResult(result);
        }

        foreach (var line in result.Hints.Concat(result.Unread.Select(reason => $"Could not check. {reason}")))
        {
            await Console.Error.WriteLineAsync(Printable.Escape(line)).ConfigureAwait(false);
        }

        return result.ExitCode;
    }

    private static void PrintResult(VerifyResult result)
    {
        foreach (var total in result.Totals)
        {
            Print(string.Create(
                CultureInfo.InvariantCulture,
                $"{total.Source}{(total.Generation > 1 ? $" (generation {total.Generation})" : "")}, bytes {total.From} to {total.Through}, "
                    + $"{total.Counter}: the table has {total.Table}, the source has {total.Events}"));
        }

        if (result.Unchecked is { Contradicts: true } wrong)
        {
            foreach (var user in wrong.First)
            {
                Print(Text(user, "the readable sources add up to"));
            }

            Print(string.Create(
                CultureInfo.InvariantCulture,
                $"WRONG: the balances of {wrong.Users:N0} users exceed the readable sources by {wrong.Revenue} in total, but according to the ledger "
                    + $"the unreadable bytes contain {wrong.UnreadEvents:N0} events with a sum of {wrong.UnreadRevenue}. At least one of these "
                    + $"balances, or a total of a source, is wrong."));
        }

        if (result.History is { } history)
        {
            foreach (var finding in history.Findings)
            {
                Print(finding);
            }

            var found = history.Differences == 0 ? "all equal" : string.Create(CultureInfo.InvariantCulture, $"{history.Differences:N0} differences");
            Print(string.Create(CultureInfo.InvariantCulture, $"History: {history.Rows:N0} rows checked: {found}."));
        }

        if (!result.IsComplete)
        {
            foreach (var report in result.Reports)
            {
                Print($"{report.Name}: {JsonResults.Name(report.State)}");
            }
        }

        Print(string.Create(CultureInfo.InvariantCulture,
            $"{result.Users:N0} users of {result.Sources:N0} sources checked: {Summary(result)}"
            + $"{(result.Totals.Count > 0 ? "; totals of sources differ" : "")}."));
    }

    private static string Text(LedgerDifference difference, string said) => string.Create(
        CultureInfo.InvariantCulture,
        $"{JsonSerializer.Serialize(Encoding.UTF8.GetString(difference.UserId))}: the table has "
            + $"{difference.Table?.ToString(CultureInfo.InvariantCulture) ?? "no row"}, {said} "
            + $"{difference.Events?.ToString(CultureInfo.InvariantCulture) ?? "nothing"}");

    private static void Print(string line) => Console.Out.WriteLine(Printable.Escape(line));

    private static string Summary(VerifyResult result)
    {
        var differing = result.Differences > 0 ? string.Create(CultureInfo.InvariantCulture, $"{result.Differences:N0} differ") : null;
        var notChecked = result.Unchecked is { Users: > 0 } some ? string.Create(CultureInfo.InvariantCulture, $"{some.Users:N0} could not be checked") : null;
        return (differing, notChecked) switch
        {
            (null, null) => result.IsComplete ? "all equal" : "the readable part is equal",
            (null, _) => $"{notChecked}, the others are equal",
            (_, null) => differing,
            _ => $"{differing}, {notChecked}",
        };
    }

    /// <summary>Runs the check. If the database becomes unavailable and returns within Processor:RetrySeconds, checks again from the beginning, in a new
    /// snapshot.</summary>
    private static async Task<VerifyResult> RunAsync(CommandServices services, LedgerVerifier verifier, string[] places, List<LedgerDifference> listed,
        Action<LedgerDifference>? print, CancellationToken cancellationToken)
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
                    cancellationToken,
                    places).ConfigureAwait(false);
            }
            catch (Exception exception) when (attempt < Attempts && DatabaseErrors.IsTransient(exception))
            {
                DatabaseErrors.DropConnections(services.Database, exception);
                var line = $"{DatabaseErrors.Describe(exception)}. Checking again from the beginning: users printed so far will be printed again.";
                await Console.Error.WriteLineAsync(line).ConfigureAwait(false);
                await services.Retry.RunAsync(token => LedgerSchema.ApplyAsync(services.Database, token), cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
