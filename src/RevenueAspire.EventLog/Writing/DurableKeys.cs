using RevenueAspire.EventLog.Format;

namespace RevenueAspire.EventLog.Writing;

/// <summary>Keys of a log's durable records (rule L9). Thread-safe.</summary>
internal sealed class DurableKeys(Guid logId)
{
    private readonly Lock _gate = new();
    private KeyIndex _index = new(window: 0);

    /// <inheritdoc cref="KeyIndex.KeysFrom"/>
    public long From
    {
        get
        {
            lock (_gate)
            {
                return _index.KeysFrom;
            }
        }
    }

    public void Replace(KeyIndex index)
    {
        lock (_gate)
        {
            _index = index;
        }
    }

    public bool TryGet(UInt128 key, out KnownKey known)
    {
        lock (_gate)
        {
            var isKnown = _index.TryGet(key, out var record);
            known = isKnown ? new KnownKey(key, record.Body, new Receipt(logId, record.Offset), record.Count, record.RejectedCount) : default;
            return isKnown;
        }
    }

    public void Add(List<PendingAppend> groups)
    {
        lock (_gate)
        {
            foreach (var pending in groups)
            {
                var group = pending.Group;
                if (group.HasKey)
                {
                    _index.Add(new KeyedRecord(group.KeyHash, group.BodyHash, pending.Receipt.Offset, group.Count, group.RejectedCount));
                }
            }
        }
    }

    /// <inheritdoc cref="KeyIndex.ForgetBefore"/>
    public void ForgetBefore(long offset)
    {
        lock (_gate)
        {
            _index.ForgetBefore(offset);
        }
    }
}
