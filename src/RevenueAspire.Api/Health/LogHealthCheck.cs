using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Unhealthy while the log cannot be written. Its data is read by clients that resume: <c>id</c>, <c>durableMark</c>, <c>keysFrom</c> and <c>keyWindow</c> are part of the contract.</summary>
/// <remarks>They are positions among the keys that are remembered: offsets of the log in files, numbers of keys in Postgres, where all processes share them.</remarks>
internal sealed class LogHealthCheck(IEventLog log, LogStorage storage, IOptions<EventLogOptions> options) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var keys = log.Keys;
        var data = new Dictionary<string, object>
        {
            ["id"] = keys.Id.ToString("N"),
            ["durableMark"] = keys.Through,
            ["keysFrom"] = keys.From,
            ["keyWindow"] = options.Value.KeyWindow,
            ["queueDepth"] = log.QueueDepth,
            ["openingFsyncMilliseconds"] = Math.Round(log.OpeningFsync.TotalMilliseconds, 3),
            ["fileSystem"] = storage.FileSystem,
        };
        return Task.FromResult(log.State == WriterState.Running
            ? HealthCheckResult.Healthy("events are accepted", data)
            : HealthCheckResult.Unhealthy(log.State == WriterState.Failed ? $"the log cannot be written; the API tries again by itself: {log.StateReason}" : "the API is stopping", data: data));
    }
}
