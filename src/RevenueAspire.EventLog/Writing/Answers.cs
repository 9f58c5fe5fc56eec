namespace RevenueAspire.EventLog.Writing;

/// <summary>The outcomes of one turn of the writer, handed out by a few work items of the thread pool instead of one each.</summary>
/// <remarks>Filled by one thread; then each work item takes the next outcome until none is left, so that a caller that holds its work item up holds up nobody else.</remarks>
internal sealed class Answers : IThreadPoolWorkItem
{
    /// <summary>So few outcomes are not worth a further work item.</summary>
    private const int WorthAWorkItem = 8;

    private readonly List<(PendingAppend Pending, AppendResult Result)> _outcomes = [];
    private int _next;

    public void Add(PendingAppend pending, in AppendResult result) => _outcomes.Add((pending, result));

    /// <summary>Hands everything out on the thread pool.</summary>
    /// <returns>What to fill next.</returns>
    public Answers RunOnPool()
    {
        if (_outcomes.Count == 0)
        {
            return this;
        }

        var workItems = Math.Min(Environment.ProcessorCount, 1 + (_outcomes.Count / WorthAWorkItem));
        for (var i = 0; i < workItems; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return new Answers();
    }

    /// <summary>Hands everything out on the calling thread, and starts empty.</summary>
    public void RunHere()
    {
        ((IThreadPoolWorkItem)this).Execute();
        _outcomes.Clear();
        _next = 0;
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (Interlocked.Increment(ref _next) - 1 is var index && index < _outcomes.Count)
        {
            var (pending, result) = _outcomes[index];
            pending.Complete(result);
        }
    }
}
