using RevenueAspire.Events;
using RevenueAspire.Ledger;

namespace RevenueAspire.Processor.Applying;

/// <summary>What applying a source needs. Thread-safe.</summary>
internal sealed class ApplyServices(SourceRegistry sources, RangeStore ranges, DatabaseRetry retry, EventTypes types, ProcessorOptions options, ProcessorMetrics metrics)
{
    public SourceRegistry Sources { get; } = sources;

    public RangeStore Ranges { get; } = ranges;

    public DatabaseRetry Retry { get; } = retry;

    public EventTypes Types { get; } = types;

    public ProcessorOptions Options { get; } = options;

    public ProcessorMetrics Metrics { get; } = metrics;

    public RangeFreezer Freezer { get; } = new(ranges, retry, options, metrics);

    public RangeMerger Merger { get; } = new(ranges, retry, options);
}
