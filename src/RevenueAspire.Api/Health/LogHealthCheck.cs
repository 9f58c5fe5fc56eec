using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Unhealthy while the log cannot be written. Its data is read by clients that resume: <c>id</c>, <c>durableMark</c>, <c>keysFrom</c> and <c>keyWindow</c> are part of the contract.</summary>
internal sealed class LogHealthCheck(EventLogWriter log, LogStorage storage, IOptions<EventLogOptions> options) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>
        {
            ["id"] = log.LogId.ToString("N"),
            ["durableMark"] = log.DurableMark,
            ["keysFrom"] = log.KeysFrom,
            ["keyWindow"] = options.Value.KeyWindow,
            ["queueDepth"] = log.QueueDepth,
            ["openingFsyncMilliseconds"] = Math.Round(log.OpeningFsync.TotalMilliseconds, 3),
            ["fileSystem"] = storage.FileSystem,
        };
        return Task.FromResult(log.State == WriterState.Running
            ? HealthCheckResult.Healthy("events are accepted", data)
            : HealthCheckResult.Unhealthy(log.State == WriterState.Failed ? $"the log cannot be written; the API tries again by itself: {log.Error}" : "the API is stopping", data: data));
    }
}
