namespace RevenueAspire.EventLog.Postgres.Reading;

/// <summary>The batches that were read last, bounded in bytes: the end of a log is read again and again. Not thread-safe.</summary>
internal sealed class BatchCache(long maxBytes)
{
    private readonly LinkedList<StoredBatch> _recent = [];
    private readonly SortedList<long, LinkedListNode<StoredBatch>> _byFrom = [];
    private long _bytes;

    /// <summary>The batch that an offset lies in.</summary>
    public StoredBatch? Find(long offset)
    {
        var place = Search(offset);
        if (place < 0 || _byFrom.Values[place].Value is var batch && batch.To <= offset)
        {
            return null;
        }

        var node = _byFrom.Values[place];
        _recent.Remove(node);
        _recent.AddLast(node);
        return node.Value;
    }

    /// <summary>Takes a batch; the ones that were not asked for longest go. The newest stays, whatever its size.</summary>
    public void Add(StoredBatch batch)
    {
        // Batches that compaction merged into this one go: they begin behind it, and would be found in its place.
        for (var place = Search(batch.To - 1); place >= 0 && _byFrom.Keys[place] >= batch.From; place--)
        {
            Forget(_byFrom.Values[place]);
            _byFrom.RemoveAt(place);
        }

        _byFrom.Add(batch.From, _recent.AddLast(batch));
        _bytes += batch.Bytes.Length;
        while (_bytes > maxBytes && _recent.Count > 1)
        {
            var first = _recent.First!;
            _byFrom.Remove(first.Value.From);
            Forget(first);
        }
    }

    private void Forget(LinkedListNode<StoredBatch> node)
    {
        _recent.Remove(node);
        _bytes -= node.Value.Bytes.Length;
    }

    /// <summary>The last place whose batch begins at or before an offset, or -1.</summary>
    private int Search(long offset)
    {
        int low = 0, high = _byFrom.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_byFrom.Keys[middle] <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }
}
