using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace RevenueAspire.Client.Sending;

/// <summary>Requests on their way from the reader to the workers. One adds, any number take.</summary>
/// <remarks>
/// Bounded, but not by a bounded channel: that wakes its writer for each request taken, which costs a switch of threads for each. Here the writer fills the
/// queue, and is woken when half of it is gone.
/// </remarks>
/// <param name="workers">Twice as many are held at most.</param>
internal sealed class RequestQueue(int workers)
{
    private readonly Channel<OutboundRequest> _requests = Channel.CreateUnbounded<OutboundRequest>(new UnboundedChannelOptions { SingleWriter = true });
    private TaskCompletionSource? _halfEmpty;

    /// <summary>Adds a request; waits for room when it is full.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; it was not added.</exception>
    public ValueTask AddAsync(OutboundRequest request, CancellationToken cancellationToken)
    {
        if (_requests.Reader.Count >= workers * 2)
        {
            return AddLaterAsync(request, cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _requests.Writer.TryWrite(request);
        return ValueTask.CompletedTask;
    }

    public void Complete() => _requests.Writer.Complete();

    /// <summary>Waits for a request; false when none will come.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _requests.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Takes the oldest request, when there is one.</summary>
    public bool TryTake([MaybeNullWhen(false)] out OutboundRequest request)
    {
        var taken = _requests.Reader.TryRead(out request);
        if (taken && Volatile.Read(ref _halfEmpty) is not null && _requests.Reader.Count <= workers)
        {
            Interlocked.Exchange(ref _halfEmpty, null)?.TrySetResult();
        }

        return taken;
    }

    private async ValueTask AddLaterAsync(OutboundRequest request, CancellationToken cancellationToken)
    {
        var halfEmpty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _halfEmpty, halfEmpty);
        if (_requests.Reader.Count > workers)
        {
            // Whoever takes from now on sees that somebody waits; were it less already, perhaps nobody would.
            await halfEmpty.Task.WaitAsync(cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _requests.Writer.TryWrite(request);
    }
}
