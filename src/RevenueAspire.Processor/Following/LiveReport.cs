using Microsoft.Extensions.Logging;
using RevenueAspire.Processor.Aggregation;

namespace RevenueAspire.Processor.Following;

/// <summary>Logs the applied live traffic of a log: at most one line per ten seconds, and none without traffic. Not thread-safe.</summary>
internal sealed partial class LiveReport(string source, TimeProvider time, ILogger logger)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long? _writtenAt;
    private long _from;
    private long _through;
    private long _events;
    private long _rejects;
    private int _ranges;

    /// <summary>Adds an applied range.</summary>
    public void Add(RangeAggregate range)
    {
        if (_ranges == 0 || range.From != _through)
        {
            // Other processors applied the bytes in between, but a line describes contiguous bytes.
            Write();
            _from = range.From;
        }

        _through = range.End;
        _events += range.Events;
        _rejects += range.Rejects.Count;
        _ranges++;
    }

    /// <summary>Writes the line if the interval has passed.</summary>
    public void WriteWhenDue()
    {
        if (_ranges > 0 && (_writtenAt is not { } writtenAt || time.GetElapsedTime(writtenAt) >= Interval))
        {
            Write();
        }
    }

    /// <summary>Writes the line now, unless no range was added since the last line.</summary>
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
