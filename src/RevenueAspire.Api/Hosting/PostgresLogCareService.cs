using Microsoft.Extensions.Options;
using Npgsql;
using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;

namespace RevenueAspire.Api.Hosting;

/// <summary>With <c>EventLog:Engine=Postgres</c>: closes the logs of processes that have ended, folds or removes what the ledger has of them, and forgets old keys.</summary>
/// <remarks>Each process of the API does it; they do not get in each other's way.</remarks>
internal sealed partial class PostgresLogCareService(
    NpgsqlDataSource database, LedgerReader ledger, IOptions<EventLogOptions> options, TimeProvider time, ILogger<PostgresLogCareService> logger)
    : LogCareService(Interval, time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    /// <summary>Before what the ledger has, this much stays: processors compare the last bytes of it with what they have applied.</summary>
    private const int KeptBytes = 64 << 10;

    /// <summary>Closed logs that this process has folded or found in one piece: nothing of them changes any more.</summary>
    private readonly HashSet<Guid> _folded = [];

    protected override async Task TidyAsync(CancellationToken stoppingToken)
    {
        await PostgresLogCare.CloseEndedAsync(database, stoppingToken);
        await PostgresLogCare.ForgetKeysAsync(database, options.Value.KeyWindow, stoppingToken);
        foreach (var log in await PostgresLogs.ListAsync(database, stoppingToken))
        {
            try
            {
                await TidyAsync(log, stoppingToken);
            }
            catch (EventLogException exception)
            {
                // A damaged batch stays as it is; the other logs are tidied all the same.
                LogNotTidied(exception.Message);
            }
        }
    }

    protected override void LogNotTidied(string reason) => LogCareFailed(logger, reason);

    private async Task TidyAsync(PostgresLogInfo log, CancellationToken stoppingToken)
    {
        var retains = options.Value.Retention == LogRetention.Off;
        if ((retains && (!log.IsClosed || _folded.Contains(log.LogId))) || log.FirstOffset == log.End
            || await ledger.FindAppliedThroughAsync(log.LogId, stoppingToken) is not { } applied)
        {
            return;
        }

        if (!retains)
        {
            await PostgresLogCare.RemoveAppliedAsync(database, log.LogId, applied - KeptBytes, options.Value.RetainBytes, stoppingToken);
        }
        else if (applied >= log.End)
        {
            var rows = await PostgresLogCare.FoldAsync(database, log.LogId, applied, stoppingToken);
            _folded.Add(log.LogId);
            if (rows > 0)
            {
                LogFolded(logger, log.LogId, rows);
            }
        }
    }

    [LoggerMessage(2002, LogLevel.Warning, "The logs in Postgres could not be tidied up: {Reason} It is tried again.")]
    private static partial void LogCareFailed(ILogger logger, string reason);

    [LoggerMessage(2003, LogLevel.Information, "Log {LogId} of a process that has ended is folded: {Rows} rows less.")]
    private static partial void LogFolded(ILogger logger, Guid logId, int rows);
}
