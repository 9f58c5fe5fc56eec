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

    /// <summary>Ten minutes at one point per second.</summary>
    public const int MaxPoints = 600;

    private readonly Lock _lock = new();
    private readonly Queue<LiveSnapshot> _recent = new(MaxPoints);
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (long Number, SseItem<string> Event) _latest;
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
                if (_recent.Count == MaxPoints)
                {
                    _recent.Dequeue();
                }

                _recent.Enqueue(snapshot);
            }

            _latest = (_latest.Number + 1, item);
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
            history = new LiveHistory(
                [.. _recent.Select(point => point.At)],
                [.. _recent.Select(point => point.TotalRevenue ?? "0")],
                [.. _recent.Select(point => point.EventsPerSecond ?? 0)],
                [.. _recent.Select(point => point.LagBytes ?? 0)]);
        }

        return new SseItem<string>(JsonSerializer.Serialize(history, ApiJson.Of<LiveHistory>()), "history");
    }

    /// <summary>Waits until the latest message differs from the viewer's last one.</summary>
    /// <param name="seen">Number of the viewer's last message; 0 for none.</param>
    public async ValueTask<(long Number, SseItem<string> Event)> NextAsync(long seen, CancellationToken cancellationToken)
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
