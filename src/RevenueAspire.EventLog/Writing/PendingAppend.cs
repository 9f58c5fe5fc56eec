using System.Threading.Tasks.Sources;
using Microsoft.Extensions.ObjectPool;

namespace RevenueAspire.EventLog.Writing;

/// <summary>A group that waits for its outcome: pooled, awaited once.</summary>
/// <remarks>It has two owners: the caller that awaits it, and the writer. It returns to the pool when both are done with it, so a cancelled wait never lets a
/// later request share it. Continuations run where <see cref="Complete"/> is called: <see cref="Completions"/> sees to it that this is never the writer's
/// thread.</remarks>
internal sealed class PendingAppend : IValueTaskSource<AppendResult>
{
    private const int Owners = 2;
    private static readonly ObjectPool<PendingAppend> Pool = new DefaultObjectPool<PendingAppend>(
        new DefaultPooledObjectPolicy<PendingAppend>(), maximumRetained: 4096);

    private ManualResetValueTaskSourceCore<AppendResult> _core;
    private CancellationTokenRegistration _registration;
    private CancellationToken _cancellationToken;
    private int _owners;
    private int _completed;

    public AppendGroup Group { get; private set; } = null!;

    /// <summary>Names the group's last record, once written.</summary>
    public Receipt Receipt { get; set; }

    /// <summary>Repeats of the same key that arrived while this one is in flight, in order of arrival; null while there is none.</summary>
    public List<PendingAppend>? Repeats { get; set; }

    /// <summary>What the trace of its request tells of it; null where that is not recorded.</summary>
    public CommitSpan? Span { get; private set; }

    public static PendingAppend Rent(AppendGroup group)
    {
        var pending = Pool.Get();
        pending.Group = group;
        pending.Span = CommitSpan.Begin();
        pending._owners = Owners;
        pending._completed = 0;
        return pending;
    }

    /// <summary>What the caller awaits, once. Cancellation ends the wait only.</summary>
    public ValueTask<AppendResult> WaitAsync(CancellationToken cancellationToken)
    {
        var version = _core.Version;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellationToken = cancellationToken;
            _registration = cancellationToken.UnsafeRegister(static state => ((PendingAppend)state!).Cancel(), this);
        }

        return new ValueTask<AppendResult>(this, version);
    }

    /// <summary>Gives the outcome and lets go; called once, by the writer's side.</summary>
    public void Complete(in AppendResult result)
    {
        Group.Release();
        Span?.End(result);
        if (Interlocked.Exchange(ref _completed, 1) == 0)
        {
            _core.SetResult(result);
        }

        ReleaseOwner();
    }

    public AppendResult GetResult(short token)
    {
        // Waits for a cancellation that is just running, so that it cannot meet this object's next use.
        _registration.Dispose();
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            ReleaseOwner();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void Cancel()
    {
        if (Interlocked.Exchange(ref _completed, 1) == 0)
        {
            // Whoever cancels is not made to run what waits.
            ThreadPool.UnsafeQueueUserWorkItem(
                static pending => pending._core.SetException(new OperationCanceledException(pending._cancellationToken)), this, preferLocal: false);
        }
    }

    private void ReleaseOwner()
    {
        if (Interlocked.Decrement(ref _owners) > 0)
        {
            return;
        }

        _core.Reset();
        _registration = default;
        _cancellationToken = default;
        Group = null!;
        Span = null;
        Repeats = null;
        Receipt = default;
        Pool.Return(this);
    }
}
