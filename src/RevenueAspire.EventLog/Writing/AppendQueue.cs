namespace RevenueAspire.EventLog.Writing;

/// <summary>Groups that wait for the writer, bounded in number and bytes. Not thread-safe: the writer's lock guards it.</summary>
internal sealed class AppendQueue(int capacity, long maxBytes)
{
    private readonly Queue<PendingAppend> _groups = new();
    private long _bytes;

    /// <summary>Groups admitted and not yet answered: queued, being written, or waiting for the first attempt with their key.</summary>
    public int Depth { get; private set; }

    /// <summary>Groups queued; may be read without the lock, and is then only about right.</summary>
    public int Count => _groups.Count;

    public bool IsEmpty => _groups.Count == 0;

    /// <summary>Takes a place for a group. One group is admitted whatever its size.</summary>
    public bool TryAdmit(AppendGroup group)
    {
        if (Depth >= capacity || (Depth > 0 && _bytes + group.MaxBytes > maxBytes))
        {
            return false;
        }

        Depth++;
        _bytes += group.MaxBytes;
        return true;
    }

    /// <summary>Gives the place of an answered group back.</summary>
    public void Leave(AppendGroup group)
    {
        Depth--;
        _bytes -= group.MaxBytes;
    }

    public void Enqueue(PendingAppend pending) => _groups.Enqueue(pending);

    /// <summary>Moves queued groups to a list: at least one, and no more than the given bytes beyond it.</summary>
    public void Take(List<PendingAppend> taken, long commitBytes)
    {
        long bytes = 0;
        while (_groups.TryPeek(out var pending) && (bytes == 0 || bytes + pending.Group.MaxBytes <= commitBytes))
        {
            bytes += pending.Group.MaxBytes;
            taken.Add(_groups.Dequeue());
        }
    }
}
