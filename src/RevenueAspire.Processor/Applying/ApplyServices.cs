using Microsoft.Extensions.Logging;
using Npgsql;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

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
}
