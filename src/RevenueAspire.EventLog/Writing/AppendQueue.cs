namespace RevenueAspire.EventLog.Writing;

/// <summary>Groups that wait for the writer, bounded in number and bytes, with the repeats of those that have a key. Not
/// thread-safe: the writer's lock guards it.</summary>
internal sealed class AppendQueue(int capacity, long maxBytes)
{
    private readonly Queue<PendingAppend> _groups = new();
    private readonly Dictionary<UInt128, PendingAppend> _inFlight = [];
    private long _bytes;

    /// <summary>Groups admitted and not yet answered: queued, being written, or waiting for the first attempt with their key.</summary>
    public int Depth { get; private set; }

    /// <summary>Groups queued; may be read without the lock, and is then only about right.</summary>
    public int Count => _groups.Count;

    public bool IsEmpty => _groups.Count == 0;

    /// <summary>Queues a group, or has it wait for the first attempt with its key, which is in flight: what the repeat gets depends
    /// on whether that one becomes durable.</summary>
    /// <returns>Null when there is no room. One group is admitted whatever its size.</returns>
    public PendingAppend? TryAdd(AppendGroup group)
    {
        if (Depth >= capacity || (Depth > 0 && _bytes + group.MaxBytes > maxBytes))
        {
            return null;
        }

        Depth++;
        _bytes += group.MaxBytes;
        var pending = PendingAppend.Rent(group);
        if (group.HasKey && !_inFlight.TryAdd(group.KeyHash, pending))
        {
            (_inFlight[group.KeyHash].Repeats ??= []).Add(pending);
        }
        else
        {
            _groups.Enqueue(pending);
        }

        return pending;
    }

    /// <summary>Frees the places of a group that was taken, and of its repeats. Call it before they are answered: afterwards they may be in use
    /// again.</summary>
    public void Release(PendingAppend pending)
    {
        GiveBack(pending.Group);
        if (pending.Group.HasKey)
        {
            _inFlight.Remove(pending.Group.KeyHash);
            pending.Repeats?.ForEach(repeat => GiveBack(repeat.Group));
        }
    }

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

    private void GiveBack(AppendGroup group)
    {
        Depth--;
        _bytes -= group.MaxBytes;
    }
}
