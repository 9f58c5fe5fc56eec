using System.Net.ServerSentEvents;
using System.Text.Json;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Live;

/// <summary>Sends each message to all viewers. Thread-safe.</summary>
/// <remarks>A viewer always gets the latest message, and a slow viewer skips messages. So the feed buffers none.</remarks>
internal sealed class LiveFeed
{
    public const int MaxViewers = 200;

    /// <summary>Ten minutes at one point per second.</summary>
    public const int MaxPoints = 600;

    private readonly Lock _lock = new();
    private readonly Queue<LiveSnapshot> _recent = new(MaxPoints);
    private TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile LiveMessage _latest = new(null);
    private int _viewers;

    public LiveMessage Latest => _latest;

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

    public Task WatchedAsync()
    {
        lock (_lock)
        {
            return _watched.Task;
        }
    }

    /// <summary>Sends a snapshot to all viewers. Keeps it for later viewers if its figures are current. For one caller at a time.</summary>
    public void Publish(LiveSnapshot snapshot)
    {
        if (snapshot.State == LiveSnapshot.Current)
        {
            lock (_lock)
            {
                if (_recent.Count == MaxPoints)
                {
                    _recent.Dequeue();
                }

                _recent.Enqueue(snapshot);
            }
        }

        var former = _latest;
        _latest = new LiveMessage(new SseItem<string>(JsonSerializer.Serialize(snapshot, ApiJson.Of<LiveSnapshot>()), "snapshot"));
        former.Replaced.SetResult();
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

    /// <summary>Waits until a message is no longer the latest, and returns the latest.</summary>
    public async Task<LiveMessage> NextAsync(LiveMessage seen, CancellationToken cancellationToken)
    {
        await seen.Replaced.Task.WaitAsync(cancellationToken);
        return _latest;
    }
}

/// <summary>A message to all viewers.</summary>
/// <param name="item">The server-sent event of a snapshot; null before the first.</param>
internal sealed class LiveMessage(SseItem<string>? item)
{
    public SseItem<string>? Item => item;

    public TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
