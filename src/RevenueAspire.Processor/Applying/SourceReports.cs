using Microsoft.Extensions.Logging;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Logs the result of a range. Logs unreadable bytes of a log when the processor skips them for good. Thread-safe.</summary>
internal sealed partial class SourceReports(ILogger logger)
{
    /// <summary>One line a stretch that cannot be read, and one for the records that are no events.</summary>
    public void Report(ISourceReader reader, RangeAggregate range)
    {
        if (reader.Kind != SourceKind.Log)
        {
            // Rejected lines of a file are reported by the command.
            return;
        }

        foreach (var damage in range.Damage)
        {
            LogDamage(reader.Name, damage.From, damage.Through, damage.Reason);
        }

        if (range.Rejects.Count > range.Damage.Count)
        {
            var first = range.Rejects.First(reject => range.Damage.All(damage => damage.Reason != reject.Reason));
            LogRejects(reader.Name, range.From, range.End, range.Rejects.Count - range.Damage.Count, first.Offset, first.Reason);
        }
    }

    /// <summary>Logs one line per range, so that a service that catches up shows its progress.</summary>
    public void ReportMerged(ISourceReader reader, RangeWork work, TimeSpan duration)
    {
        if (work.Range.Frozen is { } frozen)
        {
            LogMerged(reader.Name, work.Range.From, frozen.End, frozen.Events, work.Users.Count, frozen.Rejects, duration.TotalSeconds);
        }
    }

    [LoggerMessage(EventIds.RangeMerged, LogLevel.Information,
        "{Source}: merged bytes {From} to {Through}: {Events} events of {Users} users, {Rejects} lines rejected, in {Seconds:0.00} s.")]
    private partial void LogMerged(string source, long from, long through, long events, long users, long rejects, double seconds);

    [LoggerMessage(EventIds.BytesLost, LogLevel.Critical,
        "{Directory}: LOST: bytes {From} to {Through} cannot be read and are passed over: {Reason}. Acknowledged events in them are not in the ledger. "
        + "Restore them from a copy: verify then lists each user whose balance lacks them.")]
    private partial void LogDamage(string directory, long from, long through, string reason);

    [LoggerMessage(EventIds.RecordsRejected, LogLevel.Error,
        "{Directory}: {Count} records in bytes {From} to {End} are no events, though the API accepted them; the first at offset {Offset}: {Reason}. They are "
        + "in the table rejected_event.")]
    private partial void LogRejects(string directory, long from, long end, int count, long offset, string reason);
}
