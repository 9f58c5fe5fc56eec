namespace RevenueAspire.EventLog.Writing;

/// <summary>The outcomes of one turn of the writer thread. A few work items of the thread pool deliver them, instead of one per outcome.</summary>
/// <remarks>
/// <para>One thread adds the outcomes. Then each work item delivers the next outcome until none is left. Continuations must not block: a turn has at most one
/// work item per processor, and a small turn has only one.</para>
/// <para>The last work item makes the object reusable, for a later <see cref="RunOnPool"/> of the same thread.</para>
/// </remarks>
internal sealed class Completions : IThreadPoolWorkItem
{
    /// <summary>Number of outcomes per work item beyond the first.</summary>
    private const int WorthAWorkItem = 8;

    /// <summary>Number of spare objects to keep: about as many as turns are delivered at the same time. The garbage collector frees the others.</summary>
    private const int MaxSpares = 4;

    private readonly List<(PendingAppend Pending, AppendResult Result)> _outcomes = [];
    private readonly System.Collections.Concurrent.ConcurrentQueue<Completions> _spares;
    private int _next;
    private int _working;

    public Completions()
        : this(new System.Collections.Concurrent.ConcurrentQueue<Completions>())
    {
    }

    private Completions(System.Collections.Concurrent.ConcurrentQueue<Completions> spares) => _spares = spares;

    /// <summary>Adds durable groups and the repeats that waited for them.</summary>
    public void AddAppended(List<PendingAppend> groups)
    {
        foreach (var pending in groups)
        {
            var group = pending.Group;
            AddRepeats(pending, new KnownKey(group.KeyHash, group.BodyHash, pending.Receipt, group.Count, group.RejectedCount));
            _outcomes.Add((pending, new AppendResult(AppendStatus.Appended, pending.Receipt, group.Count, group.RejectedCount)));
        }
    }

    /// <summary>Adds a group whose key is known from another process, and its repeats.</summary>
    public void AddKnown(PendingAppend pending, in KnownKey first)
    {
        AddRepeats(pending, first);
        _outcomes.Add((pending, first.ResultFor(pending.Group)));
    }

    /// <summary>Adds groups and their repeats, all with the same result.</summary>
    public void AddAll(List<PendingAppend> groups, AppendResult result)
    {
        foreach (var pending in groups)
        {
            _outcomes.Add((pending, result));
            pending.Repeats?.ForEach(repeat => _outcomes.Add((repeat, result)));
        }
    }

    /// <summary>Delivers all outcomes on the thread pool.</summary>
    /// <returns>The object to fill next.</returns>
    public Completions RunOnPool()
    {
        if (_outcomes.Count == 0)
        {
            return this;
        }

        // Set the count before the first work item starts: it may finish before the second is queued.
        var workItems = Math.Min(Environment.ProcessorCount, 1 + (_outcomes.Count / WorthAWorkItem));
        _working = workItems;
        for (var i = 0; i < workItems; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return _spares.TryDequeue(out var spare) ? spare : new Completions(_spares);
    }

    /// <summary>Delivers all outcomes on the calling thread, and empties the object.</summary>
    public void RunInline()
    {
        CompleteAll();
        Clear();
    }

    void IThreadPoolWorkItem.Execute()
    {
        CompleteAll();
        if (Interlocked.Decrement(ref _working) == 0 && _spares.Count < MaxSpares)
        {
            Clear();
            _spares.Enqueue(this);
        }
    }

    private void AddRepeats(PendingAppend pending, in KnownKey first)
    {
        if (pending.Repeats is { } repeats)
        {
            // A lambda would be allocated for each append, even without repeats.
            foreach (var repeat in repeats)
            {
                _outcomes.Add((repeat, first.ResultFor(repeat.Group)));
            }
        }
    }

    private void CompleteAll()
    {
        while (Interlocked.Increment(ref _next) - 1 is var index && index < _outcomes.Count)
        {
            var (pending, result) = _outcomes[index];
            pending.Complete(result);
        }
    }

    private void Clear()
    {
        _outcomes.Clear();
        _next = 0;
    }
}
