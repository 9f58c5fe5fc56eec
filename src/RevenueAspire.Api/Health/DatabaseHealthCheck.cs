using Microsoft.Extensions.Diagnostics.HealthChecks;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Degraded while the ledger cannot be read: events are accepted all the same.</summary>
internal sealed class DatabaseHealthCheck(LedgerReader ledger, IEventLog log) : IHealthCheck
{
    /// <summary>Shorter than a prober's patience.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var applied = await ledger.FindAppliedThroughAsync(log.LogId, cancellationToken).WaitAsync(Limit, cancellationToken);
            return HealthCheckResult.Healthy("the ledger can be read", new Dictionary<string, object> { ["appliedThrough"] = applied ?? 0 });
        }
        catch (Exception exception) when (exception is LedgerUnavailableException or TimeoutException)
        {
            // The reason may name hosts and users; it is in the log.
            return HealthCheckResult.Degraded("the database is away; events are accepted");
        }
    }
}
