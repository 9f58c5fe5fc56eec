using RevenueAspire.Api.Reads;
using RevenueAspire.EventLog;
using RevenueAspire.EventLog.Postgres;

namespace RevenueAspire.Api.Live;

/// <summary>How far the logs are durable: this API's own log where it lies in files, all logs of the database where they are kept there. Thread-safe.</summary>
internal sealed class LogMarks(IEventLog log, LedgerReader ledger)
{
    /// <summary>Reads the marks.</summary>
    /// <returns>Of each log where it begins and its durable mark.</returns>
    /// <exception cref="LedgerUnavailableException">The logs are in the database, which cannot be asked now.</exception>
    public async Task<Dictionary<Guid, (long First, long Mark)>> ReadAsync(CancellationToken cancellationToken) =>
        log is PostgresEventLog
            ? (await ledger.ListLogsAsync(cancellationToken)).ToDictionary(info => info.LogId, info => (info.FirstOffset, info.End))
            : new() { [log.LogId] = (0, log.DurableMark) };
}
