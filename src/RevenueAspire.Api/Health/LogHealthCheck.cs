using Microsoft.Extensions.Diagnostics.HealthChecks;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Unhealthy while the log cannot be written, Degraded while a commit waits for a standby.</summary>
internal sealed class LogHealthCheck(EventLogWriter log, LedgerGuard guard, LogStorage storage) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        var data = new Dictionary<string, object>
        {
            ["queueDepth"] = log.QueueDepth,
            ["openingFsyncMilliseconds"] = Math.Round(log.OpeningFsync.TotalMilliseconds, 3),
            ["fileSystem"] = storage.FileSystem,
        };
        if (guard.Refusal is { } refusal)
        {
            return HealthCheckResult.Unhealthy(refusal, data: data);
        }

        var (state, reason) = log.Status;
        return state switch
        {
            WriterState.Running => HealthCheckResult.Healthy("events are accepted", data),
            WriterState.Waiting => HealthCheckResult.Degraded($"events get 503 until a pending commit ends: {reason}", data: data),
            WriterState.Failed => HealthCheckResult.Unhealthy($"the log cannot be written; the API retries automatically: {reason}", data: data),
            _ => HealthCheckResult.Unhealthy("the API is stopping", data: data),
        };
    }
}
