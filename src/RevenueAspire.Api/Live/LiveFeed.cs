using System.Net.ServerSentEvents;
using System.Text.Json;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Live;

/// <summary>Sends each message to all viewers. Thread-safe.</summary>
/// <remarks>A viewer always gets the latest message, and a slow viewer skips messages. So the feed buffers none.</remarks>
internal sealed class LiveFeed
{
    /// <summary>Maximum number of viewers at the same time; further viewers are refused.</summary>
    public const int MaxViewers = 200;

    private readonly Lock _lock = new();
    private readonly RecentSnapshots _recent = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LiveMessage _latest;
    private int _viewers;

    public int Viewers => Volatile.Read(ref _viewers);

    /// <summary>Counts a new viewer.</summary>
    /// <returns>False when there are too many. After true, <see cref="RemoveViewer"/> must follow.</returns>
    public bool TryAddViewer()
    {
        lock (_lock)
        {
            if (_viewers == MaxViewers)
            {
                return false;
            }

            _viewers++;
            _watched.TrySetResult();
            return true;
        }
    }

    public void RemoveViewer()
    {
        lock (_lock)
        {
            _viewers--;
            if (_viewers == 0)
            {
                _watched = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    /// <summary>Completes when there is a viewer.</summary>
    public Task WatchedAsync()
    {
        lock (_lock)
        {
            return _watched.Task;
        }
    }

    /// <summary>Sends a snapshot to all viewers. Keeps it for later viewers if its figures are current.</summary>
    public void Publish(LiveSnapshot snapshot)
    {
        var item = new SseItem<string>(JsonSerializer.Serialize(snapshot, ApiJson.Of<LiveSnapshot>()), "snapshot");
        TaskCompletionSource waiting;
        lock (_lock)
        {
            if (snapshot.State == LiveSnapshot.Current)
            {
                _recent.Add(snapshot);
            }

            _latest = new LiveMessage(_latest.Number + 1, item);
            (waiting, _next) = (_next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        waiting.SetResult();
    }

    /// <summary>A viewer's first event: the points of the last minutes.</summary>
    public SseItem<string> HistoryEvent()
    {
        LiveHistory history;
        lock (_lock)
        {
            history = _recent.ToHistory();
        }

        return new SseItem<string>(JsonSerializer.Serialize(history, ApiJson.Of<LiveHistory>()), "history");
    }

    /// <summary>Waits until the latest message differs from the viewer's last one.</summary>
    /// <param name="seen">Number of the viewer's last message; 0 for none.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public async ValueTask<LiveMessage> NextAsync(long seen, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (_lock)
            {
                if (_latest.Number != seen)
                {
                    return _latest;
                }

                next = _next.Task;
            }

            await next.WaitAsync(cancellationToken);
        }
    }
}

/// <summary>A serialized snapshot.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Event">Its server-sent event.</param>
internal readonly record struct LiveMessage(long Number, SseItem<string> Event);
