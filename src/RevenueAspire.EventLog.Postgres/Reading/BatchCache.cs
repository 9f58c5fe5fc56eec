namespace RevenueAspire.EventLog.Postgres.Reading;

/// <summary>The batches read last, limited in bytes: readers read the end of a log repeatedly. Not thread-safe.</summary>
internal sealed class BatchCache(long maxBytes)
{
    private readonly LinkedList<StoredBatch> _recent = [];
    private readonly SortedList<long, LinkedListNode<StoredBatch>> _byFrom = [];
    private long _bytes;

    /// <summary>Finds the batch that contains an offset.</summary>
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

    /// <summary>Adds a batch, and evicts the least recently used ones. The newest stays, regardless of its size.</summary>
    public void Add(StoredBatch batch)
    {
        // Evict batches that compaction merged into this one. They begin after it, so they would be found instead of it.
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

    /// <summary>Index of the last batch that begins at or before an offset, or -1.</summary>
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
