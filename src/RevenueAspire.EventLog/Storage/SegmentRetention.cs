using Microsoft.Extensions.Logging;
using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Storage;

/// <summary>Removes the oldest segments of a log in files (rule L10).</summary>
public sealed class SegmentRetention : ILogRetention
{
    /// <summary>Bytes before the applied offset that both stores keep while a log has a writer. The processor compares the last of these bytes with those that
    /// it applied.</summary>
    internal const int ComparedBytes = 64 * 1024;

    private readonly FileLogStore _log;
    private readonly EventLogOptions _options;
    private readonly IFileSystem _files;
    private readonly ILogger _logger;

    internal SegmentRetention(FileLogStore log, EventLogOptions options, IFileSystem files, ILogger logger) =>
        (_log, _options, _files, _logger) = (log, options, files, logger);

    public TimeSpan Interval => TimeSpan.FromSeconds(2);

    public async Task RemoveAppliedAsync(Func<Guid, CancellationToken, Task<long?>> findApplied, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(findApplied);
        if (_options.Retention != LogRetention.Off && await findApplied(_log.LogId, cancellationToken).ConfigureAwait(false) is { } applied)
        {
            RemoveApplied(applied, _options.RetainBytes);
        }
    }

    /// <summary>Removes the oldest sealed segments that the ledger has applied and whose keys are forgotten. Removes nothing while the log is pinned
    /// (<see cref="LogPin"/>) or failing.</summary>
    /// <param name="appliedThrough">The ledger has applied every event up to this offset, and its database has flushed them.</param>
    /// <param name="retainBytes">Bytes before the durable mark that are always kept.</param>
    /// <returns>Bytes removed.</returns>
    /// <remarks>Not thread-safe, but may run during appends and reads. Each removal is durable before the next, so a crash leaves a shorter log, never one with
    /// a gap.</remarks>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The disk refuses.</exception>
    public long RemoveApplied(long appliedThrough, long retainBytes) => RemoveApplied(appliedThrough, retainBytes, ComparedBytes);

    /// <summary>Overload for tests, which use logs of a few kilobytes: keeps the given number of bytes instead of <see cref="ComparedBytes"/>.</summary>
    internal long RemoveApplied(long appliedThrough, long retainBytes, long comparedBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(retainBytes);
        var limit = Math.Min(Math.Min(appliedThrough, _log.DurableMark) - comparedBytes, _log.DurableMark - retainBytes);
        lock (_log.SegmentsInUse)
        {
            return _log.MayRemove ? RemoveThrough(limit) : 0;
        }
    }

    private long RemoveThrough(long limit)
    {
        var starts = LogFiles.Segments(_files.List(_log.Directory));
        if (starts.Count < 2 || starts[1] > limit)
        {
            return 0;
        }

        using var exclusive = LogPin.TryExclude(_files, _log.Directory);
        return exclusive is null ? 0 : RemoveOldest(starts, limit);
    }

    private long RemoveOldest(List<long> starts, long limit)
    {
        var removed = 0L;
        for (var i = 0; i + 1 < starts.Count && starts[i + 1] <= limit && IsForgotten(starts[i], starts[i + 1]); i++)
        {
            _log.ForgetBefore(starts[i + 1]);
            _files.Delete(Path.Combine(_log.Directory, LogFiles.Segment(starts[i])));
            if (_files.FileExists(Path.Combine(_log.Directory, LogFiles.Seal(starts[i]))))
            {
                _files.Delete(Path.Combine(_log.Directory, LogFiles.Seal(starts[i])));
            }

            // After this flush, a power cut cannot restore the segment. Only then is the next segment removed, so no gap can appear.
            _files.FlushDirectory(_log.Directory);
            removed += starts[i + 1] - starts[i];
            EventLogMessages.SegmentRemoved(_logger, _log.Directory, starts[i], starts[i + 1]);
        }

        return removed;
    }

    /// <summary>Whether no key of the segment is in the window. False without a valid seal, so the segment stays.</summary>
    private bool IsForgotten(long start, long end)
    {
        var seal = SegmentSeal.Read(_files, _log.Directory, start, _log.LogId, withKeys: false);
        return seal is not null && (!seal.HasKeys || end <= _log.KeysFrom);
    }
}
