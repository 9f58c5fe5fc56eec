using RevenueAspire.EventLog.Storage;

namespace RevenueAspire.EventLog.Writing;

/// <summary>Zeros after the data of a segment. Not thread-safe.</summary>
/// <remarks>Under load the zeros are written ahead and flushed with the data. Later writes then only overwrite existing blocks. Their fsyncs need no entry in
/// the file system's journal, which would take most of the time of a small fsync. The zeros are removed when the load ends, before a segment is sealed, and at
/// a stop.</remarks>
internal sealed class SegmentReserve(EventLogOptions options)
{
    private static readonly byte[] Zeros = new byte[1 << 20];
    private long _to;
    private bool _isRefused;

    /// <summary>Whether zeros follow the data that ends at the given log offset.</summary>
    public bool IsBehind(long end) => _to > end;

    public void Clear() => _to = 0;

    public void Reset() => (_to, _isRefused) = (0, false);

    /// <summary>Writes zeros after the space for the groups, if there are many groups and too few zeros left.</summary>
    /// <returns>The disk's error, else null. After an error, cut the segment back to its data; the groups may still fit.</returns>
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
            // Writing large groups is faster than writing zeros for them.
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
