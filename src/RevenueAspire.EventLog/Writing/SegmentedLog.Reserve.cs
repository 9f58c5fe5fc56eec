namespace RevenueAspire.EventLog.Writing;

/// <content>Room ahead of the data.</content>
/// <remarks>Under load it writes zeros ahead of the data and flushes them with it: the next fsyncs then overwrite blocks that the file already has, and need no entry in the file system's journal,
/// which is what most of a small fsync's time goes into. The zeros go when the load does, before a segment is sealed, and at the end.</remarks>
internal sealed partial class SegmentedLog
{
    private static readonly byte[] Zeros = new byte[1 << 20];
    private long _reservedTo;
    private bool _mayReserve = true;

    /// <summary>Whether zeros stand behind the data.</summary>
    public bool HasReserve => _reservedTo > End;

    /// <summary>Cuts the zeros behind the data off. Should that not survive a power cut, recovery does it.</summary>
    /// <exception cref="CommitException">The disk refuses.</exception>
    public void DropReserve()
    {
        try
        {
            CutReserve();
        }
        catch (Exception e) when (IsDiskError(e))
        {
            throw new CommitException(e, needsRecovery: true, isUndone: true);
        }
    }

    private void CutReserve()
    {
        if (HasReserve)
        {
            _segment.Truncate(End - _segmentStart);
            _reservedTo = 0;
        }
    }

    /// <summary>Writes zeros behind where the groups will end, when many come at once and there is no room left.</summary>
    private void Reserve(IReadOnlyList<PendingAppend> groups)
    {
        if (groups.Count < _options.ReserveFromGroups || !_mayReserve)
        {
            return;
        }

        var end = End;
        foreach (var pending in groups)
        {
            end += pending.Group.MaxBytes;
        }

        if (end <= _reservedTo || end - End > _options.ReserveBytes)
        {
            // Large groups are written faster than zeros could be written for them.
            return;
        }

        try
        {
            _segment.Write(Zeros.AsSpan(0, _options.ReserveBytes), end - _segmentStart);
            _reservedTo = end + _options.ReserveBytes;
        }
        catch (Exception e) when (IsDiskError(e))
        {
            // The disk may still have room for the groups themselves: it is their write that decides.
            _mayReserve = false;
            if (!TryUndo())
            {
                throw new CommitException(e, needsRecovery: true, isUndone: true);
            }
        }
    }
}
