using Microsoft.Extensions.Logging;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Processor.Reading;

namespace RevenueAspire.Processor.Applying;

/// <summary>Logs the result of each range, and the unreadable bytes of a log that the processor skips permanently. Thread-safe.</summary>
internal sealed partial class SourceReports(ILogger logger)
{
    /// <summary>Logs one line per unreadable stretch, and one line for all rejected records.</summary>
    public void Report(ISourceReader reader, RangeAggregate range)
    {
        if (reader.Kind != SourceKind.Log)
        {
            // The command reports the rejected lines of a file.
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

    /// <summary>Logs one line per range, to show the progress of a service that catches up.</summary>
    public void ReportMerged(ISourceReader reader, RangeWork work, TimeSpan duration)
    {
        if (work.Range.Frozen is { } frozen)
        {
            LogMerged(reader.Name, work.Range.From, frozen.End, frozen.Events, work.Users.Count, frozen.Rejects, duration.TotalSeconds);
        }
    }

    [LoggerMessage(EventIds.RangeMerged, LogLevel.Information,
        "{Source}: merged bytes {From} to {Through}: {Events} events of {Users} users, {Rejects} rejected lines, in {Seconds:0.00} s.")]
    private partial void LogMerged(string source, long from, long through, long events, long users, long rejects, double seconds);

    [LoggerMessage(EventIds.BytesLost, LogLevel.Critical,
        "{Directory}: LOST: bytes {From} to {Through} are unreadable and were skipped: {Reason}. The ledger lacks the acknowledged events in them. "
        + "Restore these bytes from a copy; verify then lists each user whose balance lacks events.")]
    private partial void LogDamage(string directory, long from, long through, string reason);

    [LoggerMessage(EventIds.RecordsRejected, LogLevel.Error,
        "{Directory}: {Count} records in bytes {From} to {End} are not events, although the API accepted them; the first is at offset {Offset}: {Reason}. They "
        + "are in the table rejected_event.")]
    private partial void LogRejects(string directory, long from, long end, int count, long offset, string reason);
}
