using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RevenueAspire.Processor.Verifying;

namespace RevenueAspire.Processor.CommandLine;

/// <summary><c>verify</c></summary>
internal static class VerifyCommand
{
    /// <summary>Prints each user that differs.</summary>
    /// <returns>0 when all balances are right, 3 when one differs; what cannot be checked is an exception.</returns>
    public static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var host = Composition.BuildCommand();
        await CommandDatabase.OpenAsync(host.Services, cancellationToken).ConfigureAwait(false);
        var verifier = host.Services.GetRequiredService<LedgerVerifier>();
        var result = await verifier.RunAsync(
            difference => Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{JsonSerializer.Serialize(Encoding.UTF8.GetString(difference.UserId))}: the table has {difference.Table?.ToString(CultureInfo.InvariantCulture) ?? "no row"}, the events say {difference.Events?.ToString(CultureInfo.InvariantCulture) ?? "nothing"}")),
            cancellationToken).ConfigureAwait(false);
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Users:N0} users of {result.Sources:N0} sources checked: {(result.Differences == 0 ? "all equal" : $"{result.Differences:N0} differ")}."));
        return result.Differences == 0 ? ExitCodes.Done : ExitCodes.Differs;
    }
}
