using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;

namespace RevenueAspire.Api.Health;

/// <summary>Unhealthy while the log cannot be written, Degraded while a commit waits for a standby.</summary>
/// <remarks>A singleton, so that it looks the file system up only once.</remarks>
internal sealed class LogHealthCheck(EventLogWriter log, LedgerGuard guard, IOptions<EventLogOptions> options) : IHealthCheck
{
    /// <summary>Such as <c>ext4</c>. <c>unknown</c> if the machine does not report it, <c>postgres</c> for a log in Postgres.</summary>
    private readonly string _fileSystem = options.Value.Engine == LogEngine.Postgres ? "postgres" : FindFileSystem(options.Value.Directory);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        var data = new Dictionary<string, object>
        {
            ["queueDepth"] = log.QueueDepth,
            ["openingFsyncMilliseconds"] = Math.Round(log.OpeningFsync.TotalMilliseconds, 3),
            ["fileSystem"] = _fileSystem,
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

    private static string FindFileSystem(string directory)
    {
        try
        {
            return new DriveInfo(directory).DriveFormat;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }
}
