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

    /// <summary>Applies sources until the result survives the loss of a machine, if the database has synchronous standbys (rules M7 and R1).</summary>
    /// <param name="apply">Returns its result, and the sources with the offsets up to which the ledger had applied them. Called again after a failover that has
    /// undone a part.</param>
    /// <param name="progress">Receives the phase.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<T> ApplyUntilConfirmedAsync<T>(
        Func<Task<(T Result, IReadOnlyCollection<(Guid SourceId, long Through)> Applied)>> apply, RunProgress progress, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (result, applied) = await apply().ConfigureAwait(false);
            progress.Phase = "waiting for the standbys of the database";
            if (await Retry.RunAsync(token => ReplicationBarrier.PassAsync(Database, applied, token), cancellationToken).ConfigureAwait(false))
            {
                return result;
            }
        }
    }
}
