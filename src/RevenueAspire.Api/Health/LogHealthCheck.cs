using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Unhealthy while the log cannot be written, Degraded while a commit waits for a standby.</summary>
/// <remarks>
/// Clients that resume read its data: <c>id</c>, <c>durableMark</c>, <c>keysFrom</c>, <c>keyWindow</c> and <c>keysShared</c> are part of the contract.
/// They are positions among the keys that are remembered: offsets of the log in files, numbers of keys in Postgres. There all processes share the keys
/// (<c>keysShared</c>): receipts name the ids of several logs, and are no positions. While the positions cannot be read, the data has none of them: a
/// client would take an old position for an older copy of the log.
/// </remarks>
internal sealed class LogHealthCheck(EventLogWriter log, LedgerGuard guard, LogStorage storage, IOptions<EventLogOptions> options) : IHealthCheck
{
    /// <summary>Shorter than a prober's patience.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var keys = await ReadKeysAsync(cancellationToken);
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
            return HealthCheckResult.Unhealthy(refusal, data: data);
        }

        var (state, reason) = log.Status;
        return state switch
        {
            WriterState.Running => HealthCheckResult.Healthy("events are accepted", data),
            WriterState.Waiting => HealthCheckResult.Degraded($"events are refused until a commit has ended: {reason}", data: data),
            WriterState.Failed => HealthCheckResult.Unhealthy($"the log cannot be written; the API tries again by itself: {reason}", data: data),
            _ => HealthCheckResult.Unhealthy("the API is stopping", data: data),
        };
    }

    private async Task<KeyMemory> ReadKeysAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            return await log.ReadKeysAsync(limit.Token).AsTask().WaitAsync(limit.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return default;
        }
    }
}
