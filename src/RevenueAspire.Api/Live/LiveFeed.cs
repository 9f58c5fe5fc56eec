using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using RevenueAspire.Api.Requests;

namespace RevenueAspire.Api.Live;

/// <summary>Hands the same message to any number of viewers. Thread-safe.</summary>
/// <remarks>A viewer waits for the latest message, not for each one: a slow viewer skips messages, and nothing is buffered for it.</remarks>
internal sealed class LiveFeed
{
    /// <summary>Viewers at once; more are refused.</summary>
    public const int MaxViewers = 200;

    private readonly Lock _lock = new();
    private readonly RecentSnapshots _recent = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LiveMessage _latest;
    private int _viewers;

    /// <summary>Viewers now.</summary>
    public int Viewers => Volatile.Read(ref _viewers);

    /// <summary>Counts a new viewer.</summary>
    /// <returns>False when there are too many; else <see cref="RemoveViewer"/> must follow.</returns>
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

    /// <summary>Forgets a viewer.</summary>
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

    /// <summary>Completes as soon as there is a viewer.</summary>
    public Task WatchedAsync()
    {
        lock (_lock)
        {
            return _watched.Task;
        }
    }

    /// <summary>Gives a snapshot to all viewers, and keeps it for later viewers when its figures are new.</summary>
    public void Publish(LiveSnapshot snapshot)
    {
        var bytes = ToEvent("snapshot", snapshot, ApiJson.Of<LiveSnapshot>());
        TaskCompletionSource waiting;
        lock (_lock)
        {
            if (snapshot.State == LiveSnapshot.Current)
            {
                _recent.Add(snapshot);
            }

            _latest = new LiveMessage(_latest.Number + 1, bytes);
            (waiting, _next) = (_next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        waiting.SetResult();
    }

    /// <summary>A viewer's first event: the points of the last minutes.</summary>
    public ReadOnlyMemory<byte> HistoryEvent()
    {
        LiveHistory history;
        lock (_lock)
        {
            history = _recent.ToHistory();
        }

        return ToEvent("history", history, ApiJson.Of<LiveHistory>());
    }

    /// <summary>The latest message, once it is another than the one that the viewer has.</summary>
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

    private static byte[] ToEvent<T>(string name, T value, JsonTypeInfo<T> type) =>
        [.. Encoding.UTF8.GetBytes($"event: {name}\ndata: "), .. JsonSerializer.SerializeToUtf8Bytes(value, type), (byte)'\n', (byte)'\n'];
}

/// <summary>A server-sent event.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Event">As it goes out.</param>
internal readonly record struct LiveMessage(long Number, ReadOnlyMemory<byte> Event);
