using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Unhealthy while the log cannot be written, Degraded while a commit waits for a standby. Its data is read by clients that resume: <c>id</c>,
/// <c>durableMark</c>, <c>keysFrom</c>, <c>keyWindow</c> and <c>keysShared</c> are part of the contract.</summary>
/// <remarks>They are positions among the keys that are remembered: offsets of the log in files, numbers of keys in Postgres, where all processes share them
/// (<c>keysShared</c>: then receipts name other
/// ids, of several logs, and say nothing about positions). Before the database was reached nothing is known of them, and nothing is told: an id that is none
/// would look like another log.</remarks>
internal sealed class LogHealthCheck(EventLogWriter log, LedgerGuard guard, LogStorage storage, IOptions<EventLogOptions> options) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var keys = log.Keys;
        var data = new Dictionary<string, object>
        {
            ["queueDepth"] = log.QueueDepth,
            ["openingFsyncMilliseconds"] = Math.Round(log.OpeningFsync.TotalMilliseconds, 3),
            ["fileSystem"] = storage.FileSystem,
        };
        if (keys.Id != Guid.Empty)
        {
            data["id"] = keys.Id.ToString("N");
            data["durableMark"] = keys.Through;
            data["keysFrom"] = keys.From;
            data["keyWindow"] = options.Value.KeyWindow;
            data["keysShared"] = keys.Id != log.LogId;
        }

        if (guard.Refusal is { } refusal)
        {
            return Task.FromResult(HealthCheckResult.Unhealthy(refusal, data: data));
        }

        var (state, reason) = log.Status;
        return Task.FromResult(state switch
        {
            WriterState.Running => HealthCheckResult.Healthy("events are accepted", data),
            WriterState.Waiting => HealthCheckResult.Degraded($"events are refused until a commit has ended: {reason}", data: data),
            WriterState.Failed => HealthCheckResult.Unhealthy($"the log cannot be written; the API tries again by itself: {reason}", data: data),
            _ => HealthCheckResult.Unhealthy("the API is stopping", data: data),
        });
    }
}
