using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Processing;

namespace RevenueAspire.Processor.Applying;

/// <summary>The services that apply a source. Thread-safe.</summary>
internal sealed class ApplyServices(
    NpgsqlDataSource database, DatabaseRetry retry, EventTypes types, ProcessorOptions options, ProcessorMetrics metrics, ILogger<ApplyServices> logger)
{
    public NpgsqlDataSource Database { get; } = database;

    public SourceRegistry Sources { get; } = new(database);

    public DatabaseRetry Retry { get; } = retry;

    public EventTypes Types { get; } = types;

    public ProcessorOptions Options { get; } = options;

    public ProcessorMetrics Metrics { get; } = metrics;

    public SourceReports Reports { get; } = new(logger);

    public RangeFreezer Freezer { get; } = new(database, retry, options, metrics, new SourceReports(logger));

    public RangeMerger Merger { get; } = new(database, retry, options);

    /// <summary>Writes the history; null if the ledger keeps none. Set once, before the first source is applied.</summary>
    public HistoryWriter? History { get; set; }

    /// <summary>Waits until applied sources survive the loss of a machine, if the database has synchronous standbys (rules M7 and R1).</summary>
    /// <param name="applied">Sources, each with the offset up to which the ledger had applied it.</param>
    /// <param name="progress">Receives the phase.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False if a failover has undone a part: apply the sources again.</returns>
    public Task<bool> ConfirmAsync(
        IReadOnlyCollection<(Guid SourceId, long Through)> applied, RunProgress progress, CancellationToken cancellationToken)
    {
        progress.Phase = "waiting for the standbys of the database";
        return Retry.RunAsync(token => ReplicationBarrier.PassAsync(Database, applied, token), cancellationToken);
    }
}
