using Microsoft.Extensions.Logging;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Following;

/// <summary>Says what was applied of a log's live traffic, a line at most every ten seconds and none while nothing comes. Not thread-safe.</summary>
internal sealed partial class LiveReport(string source, TimeProvider time, ILogger logger)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long? _writtenAt;
    private long _from;
    private long _through;
    private long _events;
    private long _rejects;
    private int _ranges;

    /// <summary>Adds a range that the ledger has.</summary>
    public void Add(RangeAggregate range)
    {
        if (_ranges == 0 || range.From != _through)
        {
            // Others applied what lies between: a line tells of one stretch.
            Write();
            _from = range.From;
        }

        _through = range.End;
        _events += range.Events;
        _rejects += range.Rejects.Count;
        _ranges++;
    }

    /// <summary>The line, once the last one is long enough ago.</summary>
    public void WriteWhenDue()
    {
        if (_ranges > 0 && (_writtenAt is not { } writtenAt || time.GetElapsedTime(writtenAt) >= Interval))
        {
            Write();
        }
    }

    /// <summary>The line, now; none when nothing was added since the last one.</summary>
    public void Write()
    {
        if (_ranges == 0)
        {
            return;
        }

        LogApplied(logger, source, _events, _from, _through, _ranges, _rejects);
        (_writtenAt, _events, _rejects, _ranges) = (time.GetTimestamp(), 0, 0, 0);
    }

    [LoggerMessage(EventIds.LiveEventsApplied, LogLevel.Information,
        "{Source}: applied {Events} events, bytes {From} to {Through} in {Ranges} ranges, {Rejects} records rejected.")]
    private static partial void LogApplied(ILogger logger, string source, long events, long from, long through, int ranges, long rejects);
}
