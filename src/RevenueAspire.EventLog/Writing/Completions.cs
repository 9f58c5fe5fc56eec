namespace RevenueAspire.EventLog.Writing;

/// <summary>The outcomes of one turn of the writer, handed out by a few work items of the thread pool instead of one each.</summary>
/// <remarks>Filled by one thread; then each work item takes the next outcome until none is left. A caller that holds its work item up holds up only what no
/// other work item takes: a turn of a few outcomes has one work item, and no turn has more than there are processors, so what continues here must not block.
/// The last work item to end makes the object ready to be filled again: <see cref="RunOnPool"/> of the same thread finds it there.</remarks>
internal sealed class Completions : IThreadPoolWorkItem
{
    /// <summary>So few outcomes are not worth a further work item.</summary>
    private const int WorthAWorkItem = 8;

    /// <summary>Turns that are commonly handed out at the same time; further ones are left to the garbage collector.</summary>
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

    /// <summary>Adds durable groups, and the repeats that waited for them.</summary>
    public void AddAppended(List<PendingAppend> groups)
    {
        foreach (var pending in groups)
        {
            var group = pending.Group;
            AddRepeats(pending, new KnownKey(group.KeyHash, group.BodyHash, pending.Receipt, group.Count, group.RejectedCount));
            _outcomes.Add((pending, new AppendResult(AppendStatus.Appended, pending.Receipt, group.Count, group.RejectedCount)));
        }
    }

    /// <summary>Adds a group whose key another process has made known, and its repeats.</summary>
    public void AddKnown(PendingAppend pending, in KnownKey first)
    {
        AddRepeats(pending, first);
        _outcomes.Add((pending, first.ResultFor(pending.Group)));
    }

    /// <summary>Adds groups and their repeats with one result.</summary>
    public void AddAll(List<PendingAppend> groups, AppendResult result)
    {
        foreach (var pending in groups)
        {
            _outcomes.Add((pending, result));
            pending.Repeats?.ForEach(repeat => _outcomes.Add((repeat, result)));
        }
    }

    /// <summary>Hands everything out on the thread pool.</summary>
    /// <returns>What to fill next.</returns>
    public Completions RunOnPool()
    {
        if (_outcomes.Count == 0)
        {
            return this;
        }

        // Told before the first begins: it may be done before the second is queued.
        var workItems = Math.Min(Environment.ProcessorCount, 1 + (_outcomes.Count / WorthAWorkItem));
        _working = workItems;
        for (var i = 0; i < workItems; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return _spares.TryDequeue(out var spare) ? spare : new Completions(_spares);
    }

    /// <summary>Hands everything out on the calling thread, and starts empty.</summary>
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
            // Not a lambda: it would be allocated for each append, repeated or not.
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
