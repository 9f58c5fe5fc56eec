namespace RevenueAspire.EventLog.Writing;

/// <summary>Groups that wait for the writer, and the repeats of keyed groups, limited in number and bytes. Not thread-safe: the writer's lock guards
/// it.</summary>
internal sealed class AppendQueue(int capacity, long maxBytes)
{
    private readonly Queue<PendingAppend> _groups = new();
    private readonly Dictionary<UInt128, PendingAppend> _inFlight = [];
    private long _bytes;

    /// <summary>Groups admitted but not yet answered: in the queue, being written, or waiting for the first attempt with their key.</summary>
    public int Depth { get; private set; }

    /// <summary>Number of queued groups. Approximate if read without the lock.</summary>
    public int Count => _groups.Count;

    public bool IsEmpty => _groups.Count == 0;

    /// <summary>Queues a group. A repeat of a key in flight waits for the first attempt instead, because its answer depends on that attempt's
    /// outcome.</summary>
    /// <returns>Null if the queue is full. An empty queue admits a group of any size.</returns>
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

    /// <summary>Removes a taken group and its repeats from the limits of the queue. Call it before they are answered, because their objects may be reused
    /// afterwards.</summary>
    public void Release(PendingAppend pending)
    {
        GiveBack(pending.Group);
        if (pending.Group.HasKey)
        {
            _inFlight.Remove(pending.Group.KeyHash);
            pending.Repeats?.ForEach(repeat => GiveBack(repeat.Group));
        }
    }

    /// <summary>Moves queued groups to a list: at least one, and further ones up to the given bytes.</summary>
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
