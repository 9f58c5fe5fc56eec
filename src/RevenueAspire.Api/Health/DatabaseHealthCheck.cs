using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;
using RevenueAspire.Ledger;
using RevenueAspire.Postgres;

namespace RevenueAspire.Api.Health;

/// <summary>Degraded while the ledger cannot be read, or a commit waits for a standby. Unhealthy if the ledger is wrong, or if its tables can no longer keep it
/// correct.</summary>
/// <remarks>Server settings that matter only in a power cut are reported as data and as a warning, not as Degraded. The operator chose them, and a permanent
/// Degraded would hide new faults.</remarks>
internal sealed class DatabaseHealthCheck(LedgerGuard guard, IOptions<EventLogOptions> options) : IHealthCheck
{
    /// <summary>Shorter than the timeout of a typical probe.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <summary>A healthy standby confirms a commit within milliseconds.</summary>
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(3);

    /// <summary>With the log in files, the API accepts events without the database. With the log in Postgres, the log's own check reports whether it accepts
    /// events.</summary>
    private string Accepted => IsLogInDatabase ? "" : "; events are accepted";

    private bool IsLogInDatabase => options.Value.Engine == LogEngine.Postgres;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var inspection = await guard.CheckAsync(cancellationToken).WaitAsync(Limit, cancellationToken);
            return inspection is null ? HealthCheckResult.Degraded("the ledger's tables do not exist yet" + Accepted) : Describe(inspection);
        }
        catch (LedgerException refusal)
        {
            return HealthCheckResult.Unhealthy(refusal.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Degraded("the API is stopping");
        }
        catch (Exception exception) when (exception is LedgerUnavailableException or TimeoutException or IOException or EventLogException)
        {
            // The reason may contain host and user names, so only the log gets it.
            return HealthCheckResult.Degraded("the database is unavailable" + Accepted);
        }
    }

    private HealthCheckResult Describe(LedgerInspection inspection)
    {
        var (state, source, durability) = inspection;
        var data = new Dictionary<string, object>
        {
            ["appliedThrough"] = source?.AppliedThrough ?? 0,
            ["schema"] = state.Schema,
            ["synchronousCommit"] = state.SynchronousCommit,
            ["fsync"] = state.Fsync,
            ["fullPageWrites"] = state.FullPageWrites,
            ["ledgerDurability"] = durability.Durable,
        };
        if (IsLogInDatabase)
        {
            data["appendDurability"] = durability.Confirmed;
        }

        if (durability.StandbyNames.Length > 0)
        {
            data["synchronousStandbyNames"] = durability.StandbyNames;
            data["standbys"] = NameStandbys(durability);
        }

        return state.Fault is { } fault ? HealthCheckResult.Unhealthy(fault, data: data)
            : durability.OldestWait >= LongWait ? HealthCheckResult.Degraded(DescribeWait(durability.OldestWait.Value) + Accepted, data: data)
            : HealthCheckResult.Healthy(string.Join("; warning: ", state.Warnings.Prepend("the ledger can be read")), data);
    }

    private static string NameStandbys(ServerDurability durability) => durability.Standbys switch
    {
        null => "not visible: the database role lacks pg_read_all_stats",
        [] => "none connected",
        var names => string.Join(", ", names),
    };

    private static string DescribeWait(TimeSpan age) =>
        string.Create(CultureInfo.InvariantCulture, $"a statement that began {age.TotalSeconds:0} s ago waits for the database's synchronous standbys");
}
