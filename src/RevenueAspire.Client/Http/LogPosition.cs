namespace RevenueAspire.Client.Http;

/// <summary>The API's log as far as this process has seen it: its id, and the highest receipt. Thread-safe.</summary>
internal sealed class LogPosition
{
    private readonly Lock _gate = new();
    private Guid _id;
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

    /// <summary>The highest offset seen: what is sent from now on is appended behind it. -1 before the first.</summary>
    public long Highest => Volatile.Read(ref _highest);

    /// <summary>Notes an offset of the log; false when it belongs to another log than the ones before.</summary>
    public bool Advance(Guid logId, long offset)
    {
        lock (_gate)
        {
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
