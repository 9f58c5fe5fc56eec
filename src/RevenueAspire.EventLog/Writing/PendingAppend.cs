using System.Threading.Tasks.Sources;
using Microsoft.Extensions.ObjectPool;

namespace RevenueAspire.EventLog.Writing;

/// <summary>A group that waits for its outcome. Pooled, and awaited once.</summary>
/// <remarks>Owned jointly by the awaiting caller and the writer. It returns to the pool when both have released it. So a later request never shares it with a
/// cancelled wait. Continuations run on the thread that calls <see cref="Complete"/>; <see cref="Completions"/> ensures that this is never the writer
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

    /// <summary>Receipt of the group's last record, set by the write.</summary>
    public Receipt Receipt { get; set; }

    /// <summary>Repeats that arrived while this group was in flight, in order of arrival; null if there are none.</summary>
    public List<PendingAppend>? Repeats { get; set; }

    /// <summary>Trace span of the request; null if the request is not recorded.</summary>
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

    /// <summary>Returns the task for the caller, once. Cancellation ends only the wait.</summary>
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

    /// <summary>Sets the outcome and releases the writer's ownership. Called once.</summary>
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
        // Wait until a running cancellation has ended, so that it cannot affect the next use of this object.
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
            // Run continuations on the pool, not on the cancelling thread.
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
