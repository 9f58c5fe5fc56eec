using System.Diagnostics;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Applying;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Processing;

/// <summary>Parses, validates and aggregates without a database. Not thread-safe.</summary>
internal sealed class DryRun(EventTypes types, ProcessorOptions options) : IDisposable
{
    private const int ListedRejects = 20;
    private readonly RangeAggregator _aggregator = new(types, options, options.WorkerCount);

    /// <inheritdoc/>
    public void Dispose() => _aggregator.Dispose();

    /// <summary>Reads a source once.</summary>
    public ProcessOutcome Run(ISourceReader source, string name, RunProgress progress, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var end = source is FileSourceReader file ? FileEnd.Find(file, types) : new FileEnd(source.ReadEnd(), RejectReason.None);
        var (notes, from) = (new List<string>(), source.FirstOffset);
        var first = from;
        progress.Begin(from, end.Length);
        progress.Phase = "reading";
        progress.EndsWithAggregation = true;
        progress.Counters.ObserveAggregation(() => _aggregator.BytesAggregated);
        _aggregator.Clear();
        var exact = true;
        long events = 0, rejected = 0, lines = 0, users = 0;
        while (from < end.Length)
        {
            var range = _aggregator.Aggregate(source, from, end.Length, limited: true, hashed: false, cancellationToken);
            if (range.UnknownNameAt is { } unknown)
            {
                throw RangeFreezer.UnknownName(source, unknown);
            }

            notes.AddRange(range.Rejects.Take(ListedRejects - notes.Count).Select(reject => $"{name}:{lines + reject.Line + 1}: {reject.Reason}"));
            events += range.Events;
            rejected += range.Rejects.Count;
            lines += range.Lines;
            from = range.End;
            if (from < end.Length)
            {
                // The range ended early, at the limit of rejected lines. Users of several ranges are counted more than once.
                users += _aggregator.CountUsers();
                exact = false;
                _aggregator.Clear();
            }
        }

        users += _aggregator.CountUsers();
        if (rejected > notes.Count)
        {
            notes.Add($"{name}: and {rejected - notes.Count} more");
        }

        if (end.Unfinished != RejectReason.None)
        {
            notes.Add($"{name}:{lines + 1}: the last line has no newline and would not be counted yet ({end.Problem})");
        }

        var result = end.Length == first ? "empty, nothing to count" : "dry run";
        return new ProcessOutcome(
            name, result, events, users, exact, rejected, end.Length - first, Stopwatch.GetElapsedTime(started), notes, end.Unfinished != RejectReason.None);
    }
}
