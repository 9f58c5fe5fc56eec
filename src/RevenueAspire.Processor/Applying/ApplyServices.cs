using Microsoft.Extensions.Logging;
using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Applying;

/// <summary>What applying a source needs. Thread-safe.</summary>
internal sealed class ApplyServices(SourceRegistry sources, RangeStore ranges, DatabaseRetry retry, EventTypes types, ProcessorOptions options, ProcessorMetrics metrics, ILogger<ApplyServices> logger)
{
    public SourceRegistry Sources { get; } = sources;

    public RangeStore Ranges { get; } = ranges;

    public DatabaseRetry Retry { get; } = retry;

    public EventTypes Types { get; } = types;

    public ProcessorOptions Options { get; } = options;

    public ProcessorMetrics Metrics { get; } = metrics;

    public SourceReports Reports { get; } = new(logger);

    public RangeFreezer Freezer { get; } = new(ranges, retry, options, metrics, new SourceReports(logger));

    public RangeMerger Merger { get; } = new(ranges, retry, options);
}
