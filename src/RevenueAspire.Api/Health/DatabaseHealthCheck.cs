using Microsoft.Extensions.Diagnostics.HealthChecks;
using RevenueAspire.Api.Reads;
using RevenueAspire.Ledger;

namespace RevenueAspire.Api.Health;

/// <summary>Degraded while the ledger cannot be read: events are accepted nevertheless. Unhealthy when the ledger is wrong, or its tables cannot keep it right.</summary>
/// <remarks>Settings of the server that matter at a power cut only are data and a warning: their operator chose them, and a status that never changes hides one that does.</remarks>
internal sealed class DatabaseHealthCheck(LedgerGuard guard) : IHealthCheck
{
    /// <summary>Shorter than a prober's patience.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var (state, applied) = await guard.CheckAsync(cancellationToken).WaitAsync(Limit, cancellationToken);
            return state is null ? HealthCheckResult.Degraded("the tables of the ledger are not there yet; events are accepted") : Describe(state, applied);
        }
        catch (LedgerException refusal)
        {
            return HealthCheckResult.Unhealthy(refusal.Message);
        }
        catch (Exception exception) when (exception is LedgerUnavailableException or TimeoutException or IOException or EventLog.EventLogException)
        {
            // The reason may name hosts and users; it is in the log.
            return HealthCheckResult.Degraded("the database is away; events are accepted");
        }
    }

    private static HealthCheckResult Describe(LedgerState state, long applied)
    {
        var data = new Dictionary<string, object>
        {
            ["appliedThrough"] = applied,
            ["schema"] = state.Schema,
            ["synchronousCommit"] = state.SynchronousCommit,
            ["fsync"] = state.Fsync,
            ["fullPageWrites"] = state.FullPageWrites,
        };
        return state.Fault is { } fault
            ? HealthCheckResult.Unhealthy(fault, data: data)
            : HealthCheckResult.Healthy(string.Join("; warning: ", state.Warnings.Prepend("the ledger can be read")), data);
    }
}
