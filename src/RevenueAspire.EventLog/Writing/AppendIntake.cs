namespace RevenueAspire.EventLog.Writing;

/// <summary>Admits or refuses callers' groups under one short lock, and passes them to the writer thread. Thread-safe.</summary>
internal sealed class AppendIntake
{
    /// <summary>Number of groups in a commit that indicates load.</summary>
    private const int ManyGroups = 4;

    /// <summary>Number of yields. Measured: 3 to 6 are fastest, 12 are slower again.</summary>
    private const int MaxYields = 6;

    private readonly ILogStore _store;

    // Guards the queue, the keys, the appends in flight and the state; never held while the store writes.
    private readonly object _gate = new();
    private readonly AppendQueue _queue;
    private WriterState _state;
    private string? _error;
    private string? _refusal;
    private bool _stopping;
    private Receipt? _lastReceipt;

    // Used only by the writer thread.
    private int _lastCommitGroups;

    public AppendIntake(ILogStore store, EventLogOptions options)
    {
        _store = store;
        _queue = new AppendQueue(options.QueueCapacity, options.QueueBytes);
        (_state, _error) = store.OpeningError is { } error ? (WriterState.Failed, error) : (WriterState.Running, null);
    }

    public (WriterState State, string? Reason) Status
    {
        get
        {
            lock (_gate)
            {
                return (_state, _error);
            }
        }
    }

    public int Depth
    {
        get
        {
            lock (_gate)
            {
                return _queue.Depth;
            }
        }
    }

    public bool IsStopping => Volatile.Read(ref _stopping);

    public Receipt? LastReceipt
    {
        get
        {
            lock (_gate)
            {
                return _lastReceipt;
            }
        }
    }

    /// <summary>Queues a group.</summary>
    /// <returns>Null if the group is answered at once, with <paramref name="result"/>.</returns>
    public PendingAppend? TryEnqueue(AppendGroup group, out AppendResult result)
    {
        lock (_gate)
        {
            if (_stopping || _refusal is not null)
            {
                result = _stopping ? AppendResult.Unavailable("the log is being closed") : new AppendResult(AppendStatus.Refused, default, 0, 0, _refusal);
                return null;
            }

            if (group.HasKey && _store.TryGetKey(group.KeyHash, out var known))
            {
                result = known.ResultFor(group);
                return null;
            }

            if (_state != WriterState.Running)
            {
                result = AppendResult.Unavailable(_error);
                return null;
            }

            var wasEmpty = _queue.IsEmpty;
            var pending = _queue.TryAdd(group);
            result = pending is null ? new AppendResult(AppendStatus.QueueFull, default, 0, 0) : default;
            if (wasEmpty && !_queue.IsEmpty)
            {
                Monitor.Pulse(_gate);
            }

            return pending;
        }
    }

    /// <inheritdoc cref="EventLogWriter.Refuse"/>
    public void Refuse(string? reason)
    {
        lock (_gate)
        {
            _refusal = reason;
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Blocks until there is work: a queued group, maintenance, or a recovery attempt.</summary>
    /// <param name="holdsGroups">Whether the writer thread still has groups to answer.</param>
    /// <param name="retry">Time of the next recovery attempt.</param>
    /// <param name="stop">Ends the wait for recovery.</param>
    /// <returns>False if the writer is stopping and all queued groups are answered.</returns>
    public bool WaitForWork(bool holdsGroups, RetryDelay retry, CancellationToken stop)
    {
        lock (_gate)
        {
            while (true)
            {
                var isRunning = _state == WriterState.Running;
                if (isRunning && (holdsGroups || !_queue.IsEmpty))
                {
                    return true;
                }

                if (_stopping && (!holdsGroups || stop.IsCancellationRequested))
                {
                    return false;
                }

                var pause = isRunning ? _store.MaintenanceDue : retry.Remaining;
                if (pause <= TimeSpan.Zero || (!Monitor.Wait(_gate, pause) && isRunning))
                {
                    return true;
                }
            }
        }
    }

    /// <summary>Takes the groups of the next commit. Called by the writer thread.</summary>
    public void Take(List<PendingAppend> taken, long commitBytes)
    {
        GatherMore();
        lock (_gate)
        {
            _queue.Take(taken, commitBytes);
        }

        _lastCommitGroups = taken.Count;
    }

    public void Open() => Set(WriterState.Running, null);

    /// <summary>Sets the state. In any state but Running new groups are refused, and queued ones wait.</summary>
    public void Set(WriterState state, string? reason)
    {
        lock (_gate)
        {
            (_state, _error) = (state, reason);
        }
    }

    /// <summary>Refuses new groups, and takes the queued ones.</summary>
    public List<PendingAppend> Close(WriterState state, string reason)
    {
        List<PendingAppend> queued = [];
        lock (_gate)
        {
            (_state, _error) = (state, reason);
            _queue.Take(queued, long.MaxValue);
        }

        return queued;
    }

    /// <summary>Makes the keys of a finished commit known. The caller then has sole ownership of the groups and their repeats.</summary>
    public void Finish(List<PendingAppend> groups)
    {
        lock (_gate)
        {
            _lastReceipt = groups[^1].Receipt;
            groups.ForEach(_queue.Release);
            _store.AddKeys(groups);
        }
    }

    /// <summary>Removes the groups from the limits of the queue. The caller then has sole ownership of the groups and their repeats.</summary>
    public void Release(List<PendingAppend> groups)
    {
        lock (_gate)
        {
            groups.ForEach(_queue.Release);
        }
    }

    /// <summary>Under load, yields to callers until the queue has as many groups as the last commit. This halves the number of commits, and each writes twice
    /// as much.</summary>
    /// <remarks>It never sleeps. If a processor is idle, and always for a single append, the commit begins at once.</remarks>
    private void GatherMore()
    {
        if (_lastCommitGroups < ManyGroups)
        {
            return;
        }

        for (var i = 0; i < MaxYields && _queue.Count < _lastCommitGroups; i++)
        {
            Thread.Yield();
        }
    }
}
