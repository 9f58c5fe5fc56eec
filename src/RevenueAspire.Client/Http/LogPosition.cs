namespace RevenueAspire.Client.Http;

/// <summary>The API's log as far as this process has seen it: its id, and the highest position. Thread-safe.</summary>
/// <remarks>With a log in files, receipts are positions. Where several processes share the keys, only the API's state tells positions, and receipts are of any
/// log.</remarks>
internal sealed class LogPosition
{
    private readonly Lock _gate = new();
    private Guid _id;
    private bool _isShared;
    private long _highest = -1;

    /// <summary>The log's id; empty until the first answer that names one.</summary>
    public Guid Id
    {
        get
        {
            lock (_gate)
            {
                return _id;
            }
        }
    }

    /// <summary>Whether only the API's state moves the position.</summary>
    public bool IsShared => Volatile.Read(ref _isShared);

    /// <summary>The highest position seen: what is sent from now on is appended behind it. -1 before the first.</summary>
    public long Highest => Volatile.Read(ref _highest);

    /// <summary>Notes the API's state; of another log than before: nothing.</summary>
    public void Note(LogState state)
    {
        lock (_gate)
        {
            if (_id == Guid.Empty)
            {
                _id = state.Id;
                Volatile.Write(ref _isShared, state.KeysShared);
            }

            if (_id == state.Id)
            {
                _highest = Math.Max(_highest, state.DurableMark);
            }
        }
    }

    /// <summary>Notes a receipt; false when it belongs to another log than the ones before.</summary>
    public bool Advance(Guid logId, long offset)
    {
        lock (_gate)
        {
            if (_isShared)
            {
                return true;
            }

            if (_id == Guid.Empty)
            {
                _id = logId;
            }

            if (_id != logId)
            {
                return false;
            }

            _highest = Math.Max(_highest, offset);
            return true;
        }
    }
}
