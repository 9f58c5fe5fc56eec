namespace RevenueAspire.Client.Http;

/// <summary>The API's log as known to this process: its id, and the highest known position. Thread-safe.</summary>
/// <remarks>With a log in files, receipts are positions. If several API processes share the keys, receipts may belong to any of their logs, and only the API's
/// state reports positions.</remarks>
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

    /// <summary>Whether only the API's state advances the position.</summary>
    public bool IsShared => Volatile.Read(ref _isShared);

    /// <summary>The highest known position. All lines sent from now on are appended after it. -1 if no position is known.</summary>
    public long Highest => Volatile.Read(ref _highest);

    /// <summary>Records the API's state. Ignores the state of another log.</summary>
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

    /// <summary>Records a receipt; returns false if it belongs to another log than the earlier receipts.</summary>
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
