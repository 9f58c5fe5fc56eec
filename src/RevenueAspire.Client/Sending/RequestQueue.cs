using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace RevenueAspire.Client.Sending;

/// <summary>A queue of requests from the reader to the workers: one thread adds, any number take.</summary>
/// <remarks>
/// Limited, but not a bounded channel, which would wake its writer for each request taken, at the cost of a thread switch. Here the writer fills the queue, and
/// wakes up when the queue is half empty.
/// </remarks>
/// <param name="workers">The queue holds at most twice this number.</param>
internal sealed class RequestQueue(int workers)
{
    private readonly Channel<OutboundRequest> _requests = Channel.CreateUnbounded<OutboundRequest>(new UnboundedChannelOptions { SingleWriter = true });
    private TaskCompletionSource? _halfEmpty;

    /// <summary>Adds a request; waits while the queue is full.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; the request was not added.</exception>
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

    /// <summary>Waits for a request; returns false after the last one.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _requests.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Takes the oldest request, if there is one.</summary>
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
            // The queue is still more than half full, so workers will take more requests, see _halfEmpty and signal it. Below that, possibly no worker would.
            await halfEmpty.Task.WaitAsync(cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _requests.Writer.TryWrite(request);
    }
}
