using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Writing;

/// <summary>Zeros ahead of the data of a segment. Not thread-safe.</summary>
/// <remarks>Under load they are written ahead and flushed with the data. The next fsyncs then overwrite blocks that the file already has, and need no entry in
/// the file system's journal, which is what most of a small fsync's time goes into. The zeros go when the load does, before a segment is sealed, and at the
/// end.</remarks>
internal sealed class SegmentReserve(EventLogOptions options)
{
    private static readonly byte[] Zeros = new byte[1 << 20];
    private long _to;
    private bool _isRefused;

    /// <summary>Whether zeros follow the data, which ends at a log offset.</summary>
    public bool IsBehind(long end) => _to > end;

    public void Clear() => _to = 0;

    public void Reset() => (_to, _isRefused) = (0, false);

    /// <summary>Writes zeros behind where the groups will end, when many come at once and there is no room left.</summary>
    /// <returns>Why the disk refused, else null. The segment must then be cut back to its data. There may still be room for the
    /// groups themselves: their write decides.</returns>
    public Exception? Extend(ILogFile segment, long segmentStart, long end, IReadOnlyList<PendingAppend> groups)
    {
        if (groups.Count < options.ReserveFromGroups || _isRefused)
        {
            return null;
        }

        var groupsEnd = end;
        foreach (var pending in groups)
        {
            groupsEnd += pending.Group.MaxBytes;
        }

        if (groupsEnd <= _to || groupsEnd - end > options.ReserveBytes)
        {
            // Large groups are written faster than zeros could be written for them.
            return null;
        }

        try
        {
            segment.Write(Zeros.AsSpan(0, options.ReserveBytes), groupsEnd - segmentStart);
            _to = groupsEnd + options.ReserveBytes;
            return null;
        }
        catch (Exception e) when (SegmentedLog.IsDiskError(e))
        {
            _isRefused = true;
            return e;
        }
    }
}
